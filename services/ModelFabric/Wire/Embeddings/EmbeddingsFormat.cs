using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Wire.Chat;

namespace AgentPlatform.ModelFabric.Wire.Embeddings;

/// <summary>OpenAI embeddings. They pass through to providers that have them; no other format has any.</summary>
public sealed class EmbeddingsFormat : OpenAiFormat
{
    public static readonly EmbeddingsFormat Instance = new();

    private EmbeddingsFormat()
    {
    }

    public override string Name => "embeddings";
    public override string Operation => "embeddings";
    public override (string Name, bool IsList)? Required => ("input", false);

    public override string Path(string model, bool stream) => "embeddings";

    public override AnswerObserver Observe(AnswerNotes notes) => new ObserveEmbeddings(notes);

    public override ModelRequest Read(ReadOnlyMemory<byte> body, Passage passage) =>
        throw ModelCallException.Invalid("not_carried", "This provider has no embeddings in a format that is known here. Name a model of an OpenAI-compatible provider.", "model");

    private sealed class ObserveEmbeddings(AnswerNotes notes) : AnswerObserver(notes)
    {
        protected override void Read(JsonElement root)
        {
            Notes.Named(Text(root, "model"u8));
            if (root.TryGetProperty("usage"u8, out var usage) && usage.ValueKind == JsonValueKind.Object && Number(usage, "prompt_tokens"u8) is { } input)
            {
                Notes.Counted(new AnswerUsage(input, 0));
            }
        }
    }
}
