using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>A call while a server works on it: who made it, and until when. The time in which somebody is asked is not the server's.</summary>
internal sealed class McpRunning(ToolCall call, TimeSpan timeout, CancellationToken ct) : IDisposable
{
    private readonly CancellationTokenSource _deadline = Started(timeout, ct);
    private int _asked;

    public ToolCall Call { get; } = call;

    /// <summary>Ends with the time, and with whoever waits.</summary>
    public CancellationToken Ends => _deadline.Token;

    /// <summary>Tells the caller something, without our secrets.</summary>
    public void Tell(string method, JsonNode? content, IReadOnlyDictionary<string, string> secrets) => Call.Caller?.Tell(method, Masked(content, secrets));

    /// <summary>What may be asked on behalf of this call.</summary>
    public JsonObject Capabilities() => Call.Caller is { } caller && JsonSerializer.SerializeToNode(caller.Capabilities) is JsonObject can ? can : [];

    /// <summary>Asks the caller what it can answer, and answers the rest as somebody would who does not want to.</summary>
    /// <returns>By key; null if there was nobody, or nobody answered in time.</returns>
    public async Task<JsonObject?> Ask(JsonObject requests, IReadOnlyDictionary<string, string> secrets, CancellationToken ct)
    {
        var can = Capabilities();
        var (answers, passed) = (new JsonObject(), new JsonObject());
        foreach (var (key, request) in requests)
        {
            var method = request?["method"]?.ToString();
            if (method is not null && can[Capability(method)] is not null)
            {
                passed[key] = Masked(request, secrets);
            }
            else if (Default(method) is { } answer)
            {
                answers[key] = answer;
            }
        }

        if (passed.Count > 0)
        {
            foreach (var (key, answer) in await Waiting(Call.Caller!.Ask(passed, ct)) ?? [])
            {
                answers[key] = answer?.DeepClone();
            }
        }

        return answers.Count > 0 || passed.Count > 0 ? answers : null;
    }

    public void Dispose() => _deadline.Dispose();

    private async Task<JsonObject?> Waiting(Task<JsonObject?> answer)
    {
        if (Interlocked.Increment(ref _asked) == 1)
        {
            _deadline.CancelAfter(Timeout.InfiniteTimeSpan);
        }

        try
        {
            return await answer;
        }
        finally
        {
            if (Interlocked.Decrement(ref _asked) == 0)
            {
                _deadline.CancelAfter(timeout);
            }
        }
    }

    private static string Capability(string method) => method.Split('/')[0];

    private static JsonObject? Default(string? method) => method switch
    {
        RequestMethods.ElicitationCreate => new JsonObject { ["action"] = "cancel" },
        RequestMethods.RootsList => new JsonObject { ["roots"] = new JsonArray() },
        _ => null,
    };

    private static JsonNode? Masked(JsonNode? content, IReadOnlyDictionary<string, string> secrets) =>
        content is null || secrets.Count == 0 ? content?.DeepClone() : JsonNode.Parse(McpResult.Masked(content.ToJsonString(McpJsonUtilities.DefaultOptions), secrets));

    private static CancellationTokenSource Started(TimeSpan timeout, CancellationToken ct)
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(timeout);
        return deadline;
    }
}

/// <summary>
/// The calls that a server works on. Until 2025-11-25 what a server asks or logs does not say for which call; with one caller it is clear, and with several
/// nothing is passed on: a question of one must not reach another.
/// </summary>
internal sealed class McpRunningCalls
{
    private readonly Lock _gate = new();
    private readonly List<McpRunning> _calls = [];

    public IDisposable Enter(McpRunning call)
    {
        lock (_gate)
        {
            _calls.Add(call);
        }

        return new Left(this, call);
    }

    /// <summary>The one whose question or log line it must be; null if that cannot be told.</summary>
    public McpRunning? Only()
    {
        lock (_gate)
        {
            return _calls.Count > 0 && _calls.TrueForAll(call => call.Call.Principal == _calls[^1].Call.Principal) ? _calls[^1] : null;
        }
    }

    private sealed class Left(McpRunningCalls calls, McpRunning call) : IDisposable
    {
        public void Dispose()
        {
            lock (calls._gate)
            {
                calls._calls.Remove(call);
            }
        }
    }
}
