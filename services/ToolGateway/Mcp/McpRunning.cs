using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>A call while a server works on it: who made it, and until when. The time in which somebody is asked is not the server's.</summary>
internal sealed class McpRunning(ToolCall call, TimeSpan timeout, CancellationToken ct) : IDisposable
{
    private readonly Patience _patience = new(timeout, ct);

    public ToolCall Call { get; } = call;

    /// <summary>Ends with the time, and with whoever waits.</summary>
    public CancellationToken Ends => _patience.Ends;

    /// <summary>By which the server's words about it are known, now.</summary>
    public string? Token { get; set; }

    /// <summary>Shows and tells how far the server is.</summary>
    public void Progressed(ProgressNotificationValue progress, JsonRpcNotification told, IReadOnlyDictionary<string, string> secrets)
    {
        Call.OnLine?.Invoke(new OutputLine(IsError: false, McpResult.Masked(Line(progress), secrets)));
        Tell(told.Method, told.Params, secrets);
    }

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
            foreach (var (key, answer) in await _patience.While(Call.Caller!.Ask(passed, ct)) ?? [])
            {
                answers[key] = answer?.DeepClone();
            }
        }

        return answers.Count > 0 || passed.Count > 0 ? answers : null;
    }

    /// <summary>Waits for a human on behalf of the server.</summary>
    public Task<T> While<T>(Task<T> answer) => _patience.While(answer);

    public void Dispose() => _patience.Dispose();

    private static string Line(ProgressNotificationValue progress)
    {
        var share = progress.Total is { } total ? string.Create(CultureInfo.InvariantCulture, $"{progress.Progress:0.##}/{total:0.##}") : progress.Progress.ToString("0.##", CultureInfo.InvariantCulture);
        return progress.Message is { Length: > 0 } message ? $"{share} {message}" : share;
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

    /// <summary>All of them wait for a human.</summary>
    public void While<T>(Task<T> answer)
    {
        var answered = answer.ContinueWith(static _ => true, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        lock (_gate)
        {
            foreach (var call in _calls)
            {
                _ = call.While(answered);
            }
        }
    }

    /// <summary>The one that the server was given this token for.</summary>
    public McpRunning? Of(ProgressToken token)
    {
        lock (_gate)
        {
            return _calls.Find(call => call.Token is { } known && token == new ProgressToken(known));
        }
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
