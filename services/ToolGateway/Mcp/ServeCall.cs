using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp.Callers;
using AgentPlatform.ToolGateway.Mcp.Serving;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// A client's call from its request to its answer. While it runs the client is told of progress and log lines; what the tool asks is answered to the request as
/// "input required", and the same request with the answers goes on with the same call. (For a client of the older revisions the SDK makes of it a question of its own.)
/// A client that cancels, or leaves a request that stands for itself, stops its call.
/// </summary>
internal sealed partial class ServeCall(CallTool calls, NatsLink nats, RequestStates states, ServingOptions options, IHostApplicationLifetime life, ILogger<ServeCall> log)
{
    /// <summary>Runs a call to its end, until it is held, or until the patience is over.</summary>
    /// <exception cref="InputRequiredException">The tool asks the client something.</exception>
    public async Task<InvocationView> Run<TParams>(RequestContext<TParams> context, string tool, JsonElement arguments, Caller who, CancellationToken ct)
        where TParams : RequestParams
    {
        var about = RequestStates.About(who, tool, arguments);
        var earlier = context.Params?.RequestState is { } state ? states.Open(state, about) : null;
        var id = earlier?.Invocation ?? InvocationId.New();
        using var hearing = new Hearing(nats, id, options);
        try
        {
            if (earlier is not null)
            {
                hearing.Answer(earlier.Ask, Answers(context.Params?.InputResponses));
            }

            var running = earlier is null
                ? calls.Run(new InvokeTool(id, who.Workspace, Run: null, Task: null, Attempt: 1, tool, arguments, who.Name, who.Role, Idempotent: false, TimeoutSeconds: null, Client(context)), ct)
                : calls.Wait(id, ct);
            return await Follow(context, hearing, running, id, about, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            if (!life.ApplicationStopping.IsCancellationRequested)
            {
                await Stop(id);
            }

            throw;
        }
    }

    private async Task<InvocationView> Follow<TParams>(RequestContext<TParams> context, Hearing hearing, Task<InvocationView> running, InvocationId id, string about, CancellationToken ct)
        where TParams : RequestParams
    {
        // Answers that came with the first request are for what will be asked, if it is that.
        var brought = context.Params is { RequestState: null, InputResponses: { Count: > 0 } early } ? Answers(early) : null;
        while (true)
        {
            var news = hearing.Told.WaitToReadAsync(ct).AsTask();
            if (await Task.WhenAny(running, news) == running || !await news)
            {
                var view = await running;
                if (view is { State: InvocationState.Settled, Attempts: > 0 } && Client(context) is not null)
                {
                    await LastWords(context, hearing, ct);
                }

                return view;
            }

            while (hearing.Told.TryRead(out var told))
            {
                if (told is { Ask: { } ask, Content: JsonObject requests })
                {
                    if (brought is not null && requests.All(r => brought.ContainsKey(r.Key)))
                    {
                        hearing.Answer(ask, brought);
                        brought = null;
                        continue;
                    }

                    throw new InputRequiredException(
                        requests.ToDictionary(r => r.Key, r => r.Value.Deserialize<InputRequest>(McpJsonUtilities.DefaultOptions)!, StringComparer.Ordinal), states.Seal(new CallState(id, ask), about));
                }

                await Pass(context, told, ct);
            }
        }
    }

    // What was told before the end may come in after it: it takes another way.
    private async Task LastWords<TParams>(RequestContext<TParams> context, Hearing hearing, CancellationToken ct)
        where TParams : RequestParams
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(options.LastWordsPatience);
        try
        {
            await foreach (var told in hearing.Told.ReadAllAsync(patience.Token))
            {
                await Pass(context, told, ct);
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The process that ran it has died, or its words are lost; the answer says it all.
        }
    }

    private static async Task Pass<TParams>(RequestContext<TParams> context, Told told, CancellationToken ct)
        where TParams : RequestParams
    {
        switch (told.Method)
        {
            case NotificationMethods.ProgressNotification when context.Params?.ProgressToken is { } token && told.Content is JsonObject progress:
                progress["progressToken"] = JsonSerializer.SerializeToNode(token, McpJsonUtilities.DefaultOptions);
                await context.Server.SendNotificationAsync(told.Method, progress, McpJsonUtilities.DefaultOptions, ct);
                break;
            case NotificationMethods.LoggingMessageNotification when told.Content is JsonObject line && Wants(context, line["level"]):
                await context.Server.SendNotificationAsync(told.Method, line, McpJsonUtilities.DefaultOptions, ct);
                break;
        }
    }

    private static bool Wants<TParams>(RequestContext<TParams> context, JsonNode? level) =>
        Least(context) is { } least && (level?.Deserialize<LoggingLevel>(McpJsonUtilities.DefaultOptions) ?? LoggingLevel.Info) >= least;

    // Since 2026-07-28 a client that wants log lines says so with the request; before that it could only say which ones it does not want.
    private static LoggingLevel? Least<TParams>(RequestContext<TParams> context) =>
        string.CompareOrdinal(context.JsonRpcRequest.Context?.ProtocolVersion ?? context.Server.NegotiatedProtocolVersion, "2026-07-28") >= 0 ? context.JsonRpcRequest.Context?.LogLevel : context.Server.LoggingLevel ?? LoggingLevel.Debug;

    private ToolClient? Client<TParams>(RequestContext<TParams> context)
        where TParams : RequestParams
    {
        var can = context.Server.ClientCapabilities is { } capabilities ? JsonSerializer.SerializeToElement(capabilities, McpJsonUtilities.DefaultOptions) : JsonSerializer.SerializeToElement(new { });
        if (can.GetRawText().Length > options.CapabilitiesBytesMax)
        {
            throw new McpProtocolException($"The client's capabilities are longer than {options.CapabilitiesBytesMax} bytes", McpErrorCode.InvalidRequest);
        }

        var level = Least(context) is { } least ? JsonSerializer.SerializeToElement(least, McpJsonUtilities.DefaultOptions).GetString() : null;
        return level is null && context.Params?.ProgressToken is null && !can.EnumerateObject().Any() ? null : new ToolClient(can, level);
    }

    private static JsonObject Answers(IDictionary<string, InputResponse>? given) => new((given ?? new Dictionary<string, InputResponse>()).Select(answer =>
        KeyValuePair.Create(answer.Key, JsonSerializer.SerializeToNode(answer.Value.RawValue))));

    private async Task Stop(InvocationId id)
    {
        try
        {
            await calls.Cancel(id, "its client cancelled it or left", CancellationToken.None);
        }
        catch (Exception e) when (Transient.Is(e))
        {
            NotStopped(e, id);
        }
    }

    [LoggerMessage(4221, LogLevel.Warning, "The client of invocation {Invocation} left, and that could not be stored; the call runs to its own end")]
    private partial void NotStopped(Exception cause, InvocationId invocation);
}
