using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>OpenAI chat completions, which most providers and clients speak.</summary>
public sealed class ChatFormat : OpenAiFormat
{
    public static readonly ChatFormat Instance = new();

    private static readonly byte[] Done = "data: [DONE]\n\n"u8.ToArray();

    private ChatFormat()
    {
    }

    public override string Name => "chat";
    public override (string Name, bool IsList)? Required => ("messages", true);
    public override ReadOnlyMemory<byte> StreamEnd => Done;

    public override string Path(string model, bool stream) => "chat/completions";

    public override AnswerObserver Observe(AnswerNotes notes) => new ObserveChat(notes);

    public override ModelRequest Read(ReadOnlyMemory<byte> body, Passage passage) => ReadChatRequest.From(body, passage);

    public override JsonObject Write(ModelRequest request, string model, Dialect dialect, int tokensMaxDefault) => WriteChatRequest.From(request, model, dialect);

    public override AnswerReader Reader(Guid call) => new ReadChatAnswer(call);

    public override AnswerWriter Writer(AnswerHead head) => new WriteChatAnswer(head);
}
