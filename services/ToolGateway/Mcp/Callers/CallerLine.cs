using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Mcp.Serving;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Mcp.Callers;

/// <summary>The line from where a call runs to the client that made it.</summary>
internal sealed class CallerLine(NatsLink nats, InvocationId invocation, ToolClient client, ServingOptions options) : ICaller, IDisposable
{
    // What NATS takes in one message, with room to spare.
    private const int BytesMax = 768 * 1024;

    private readonly string _subject = Told.SubjectOf(invocation);

    public JsonElement Capabilities => client.Capabilities;

    public string? LogLevel => client.LogLevel;

    public void Tell(string method, JsonNode? content) => Send(new Told(method, content, Ask: null));

    public async Task<JsonObject?> Ask(JsonObject requests, CancellationToken ct)
    {
        // Nobody who was not asked can guess it.
        var ask = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var answered = new TaskCompletionSource<JsonObject?>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var listening = nats.Subscribe(Told.SubjectOfAnswer(ask), (_, _, bytes) => answered.TrySetResult(Read(bytes)));
        if (!Send(new Told(Method: null, requests, ask)))
        {
            return null;
        }

        try
        {
            return await answered.Task.WaitAsync(options.AnswerPatience, ct);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    /// <summary>The tool has ended.</summary>
    public void Dispose() => Send(new Told(Method: null, Content: null, Ask: null));

    private bool Send(Told told)
    {
        var bytes = told.Write();
        if (bytes.Length > BytesMax)
        {
            return false;
        }

        try
        {
            nats.Publish(_subject, bytes);
            return true;
        }
        catch (IOException)
        {
            // Not connected: nobody can be told now, and what is asked is not answered.
            return false;
        }
    }

    private static JsonObject? Read(byte[] bytes)
    {
        try
        {
            return JsonNode.Parse(bytes) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
