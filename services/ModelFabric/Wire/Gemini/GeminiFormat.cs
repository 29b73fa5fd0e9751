using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Wire.Gemini;

/// <summary>Google's generateContent. Providers speak it; no caller is served in it.</summary>
public sealed class GeminiFormat : WireFormat
{
    public static readonly GeminiFormat Instance = new();

    private GeminiFormat()
    {
    }

    public override string Name => "gemini";

    public override string Path(string model, bool stream) => $"models/{Uri.EscapeDataString(model)}:" + (stream ? "streamGenerateContent?alt=sse" : "generateContent");

    public override AnswerObserver Observe(AnswerNotes notes) => throw new NotSupportedException("No caller is served in Google's format.");

    public override byte[] Error(ModelCallException failure, string? requestId) => throw new NotSupportedException("No caller is served in Google's format.");

    public override byte[] StreamError(ModelCallException failure) => throw new NotSupportedException("No caller is served in Google's format.");

    public override JsonObject Write(ModelRequest request, string model, Dialect dialect, int tokensMaxDefault) => WriteGeminiRequest.From(request);

    public override AnswerReader Reader(Guid call) => new ReadGeminiAnswer(call);
}
