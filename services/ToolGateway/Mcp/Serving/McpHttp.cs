using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using SdkServer = ModelContextProtocol.Server.McpServer;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>
/// Streamable HTTP for both eras of the protocol. Until 2025-11-25 a client opens a session with <c>initialize</c>; from 2026-07-28 on every request stands for
/// itself and any replica answers it. A request of the old era without a session is answered alone too.
/// </summary>
internal sealed class McpHttp(McpHttpSessions sessions, ServingOptions options, IServiceProvider services, IHostApplicationLifetime life, ILoggerFactory loggers)
{
    private const string Stateless = "2026-07-28";
    private static readonly string[] Versions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", Stateless];

    /// <summary>Answers one HTTP request.</summary>
    /// <param name="http">The request, of a known principal.</param>
    /// <param name="server">How the server for this principal at this address answers.</param>
    /// <param name="ct">Cancels.</param>
    public async Task Handle(HttpContext http, Func<CancellationToken, Task<Served>> server, CancellationToken ct)
    {
        try
        {
            ForeignPages.Refuse(http, options);
            await (http.Request.Method switch
            {
                "POST" => Post(http, server, ct),
                "GET" => Listen(http, ct),
                "DELETE" => End(http),
                _ => throw new HttpRefusal(405, McpErrorCode.InvalidRequest, "Only POST, GET and DELETE are answered here"),
            });
        }
        catch (HttpRefusal refusal) when (!http.Response.HasStarted)
        {
            await Refuse(http, refusal);
        }
    }

    private async Task Post(HttpContext http, Func<CancellationToken, Task<Served>> server, CancellationToken ct)
    {
        var (message, meta) = await OneMessage.Read(http, options.MessageBytesMax, ct);
        var id = (message as JsonRpcRequest)?.Id;
        try
        {
            message.Context = new JsonRpcMessageContext { User = http.User };
            if (Header(http, McpHeaders.ProtocolVersion) is { } version)
            {
                message.Context.ProtocolVersion = version;
            }

            if (IsStateless(message, meta, message.Context.ProtocolVersion))
            {
                StandardHeaders.Check(http.Request.Headers, message);
                var served = await server(ct);
                if (served.Schema is { } schema && message is JsonRpcRequest { Method: RequestMethods.ToolsCall, Params: JsonObject call } && call["name"]?.ToString() is { } tool && schema(tool) is { } known)
                {
                    StandardHeaders.CheckArguments(http.Request.Headers, known, JsonSerializer.SerializeToElement(call["arguments"]));
                }

                await Alone(http, message, served, stateless: true, ct);
                return;
            }

            if (message.Context.ProtocolVersion is { } named && !Versions.Contains(named))
            {
                throw Unsupported(named);
            }

            if (message is JsonRpcRequest { Method: RequestMethods.Initialize })
            {
                var opened = await sessions.Open(Owner(http), http.Request.Path, await server(ct), services);
                await InSession(http, opened, message, ct);
            }
            else if (Header(http, McpHeaders.SessionId) is not null)
            {
                await InSession(http, Session(http), message, ct);
            }
            else
            {
                await Alone(http, message, await server(ct), stateless: false, ct);
            }
        }
        catch (HttpRefusal refusal)
        {
            throw refusal.For(id);
        }
    }

    private static bool IsStateless(JsonRpcMessage message, JsonObject? meta, string? header) =>
        header == Stateless || meta?[MetaKeys.ProtocolVersion] is not null || message is JsonRpcRequest { Method: RequestMethods.ServerDiscover };

    private static async Task InSession(HttpContext http, McpHttpSession session, JsonRpcMessage message, CancellationToken ct)
    {
        using var use = session.Use();
        http.Response.Headers[McpHeaders.SessionId] = session.Id;

        // Settled when the session was opened; a client that names another one it could speak is served as agreed.
        message.Context!.ProtocolVersion = null;
        await Answer(http, body => session.Transport.HandlePostRequestAsync(message, body, ct));
    }

    private async Task Alone(HttpContext http, JsonRpcMessage message, Served server, bool stateless, CancellationToken ct)
    {
        await using var transport = new StreamableHttpServerTransport(loggers) { Stateless = true };
        await using var running = SdkServer.Create(transport, server.Options, loggers, http.RequestServices);

        // Whoever leaves a request that stands for itself has cancelled it: nobody else could ask for its answer.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var run = running.RunAsync(end.Token);
        try
        {
            await using var body = new RefusableBody(http.Response.Body);
            await Answer(http, _ => transport.HandlePostRequestAsync(message, body, first => body.Start(stateless ? Refused(first) : null), ct));
            if (body.Refusal is { } refusal)
            {
                throw refusal;
            }
        }
        finally
        {
            await end.CancelAsync();
            await run.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static async Task Answer(HttpContext http, Func<Stream, Task<bool>> handle)
    {
        AsStream(http);
        if (!await handle(http.Response.Body))
        {
            http.Response.ContentType = null;
            http.Response.StatusCode = StatusCodes.Status202Accepted;
        }
    }

    // Only what is wrong with the request as such is told by the status too: clients give up on a status, and read an error of a tool.
    private static HttpRefusal? Refused(JsonRpcMessage? first) => first is not JsonRpcError { Error: var error } ? null : (McpErrorCode)error.Code switch
    {
        McpErrorCode.MethodNotFound => Told(404, error),
        McpErrorCode.HeaderMismatch or McpErrorCode.MissingRequiredClientCapability or McpErrorCode.UnsupportedProtocolVersion or McpErrorCode.InvalidRequest => Told(400, error),
        McpErrorCode.InvalidParams when error.Message.Contains("_meta", StringComparison.Ordinal) => Told(400, error),
        _ => null,
    };

    private static HttpRefusal Told(int status, JsonRpcErrorDetail error) => new(status, (McpErrorCode)error.Code, error.Message)
    {
        About = error.Data is null ? null : JsonSerializer.SerializeToNode(error.Data, McpJsonUtilities.DefaultOptions) as JsonObject,
    };

    private async Task Listen(HttpContext http, CancellationToken ct)
    {
        if (Header(http, McpHeaders.SessionId) is null)
        {
            throw new HttpRefusal(405, McpErrorCode.InvalidRequest, "There is nothing to listen to without a session; POST 'initialize' opens one");
        }

        var session = Session(http);
        using var use = session.Use();

        // A stream that waits for news must not keep the process from ending.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct, session.Ends, life.ApplicationStopping);
        if (Header(http, McpHeaders.LastEventId) is { } last)
        {
            await Resume(http, session, last, end.Token);
            return;
        }

        if (!session.TryListen())
        {
            throw new HttpRefusal(409, McpErrorCode.InvalidRequest, "This session has a stream already");
        }

        try
        {
            AsStream(http);
            http.Response.Headers[McpHeaders.SessionId] = session.Id;
            await http.Response.Body.FlushAsync(end.Token);
            await session.Transport.HandleGetRequestAsync(http.Response.Body, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client left, or the session ended.
        }
        finally
        {
            session.StopListening();
        }
    }

    private static async Task Resume(HttpContext http, McpHttpSession session, string last, CancellationToken ct)
    {
        var reader = await session.Streams.GetStreamReaderAsync(last, ct)
            ?? throw new HttpRefusal(400, McpErrorCode.InvalidParams, $"The event '{Short(last)}' is not known any more in this session; ask again for what you wait for");
        AsStream(http);
        http.Response.Headers[McpHeaders.SessionId] = session.Id;
        await http.Response.Body.FlushAsync(ct);
        try
        {
            await System.Net.ServerSentEvents.SseFormatter.WriteAsync(
                reader.ReadEventsAsync(ct),
                http.Response.Body,
                (item, buffer) =>
                {
                    if (item.Data is { } data)
                    {
                        using var writer = new Utf8JsonWriter(buffer);
                        JsonSerializer.Serialize(writer, data, McpJsonUtilities.DefaultOptions);
                    }
                },
                ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The client left, or the session ended.
        }
    }

    private async Task End(HttpContext http)
    {
        if (Header(http, McpHeaders.SessionId) is null)
        {
            throw new HttpRefusal(405, McpErrorCode.InvalidRequest, "DELETE ends a session; name it with Mcp-Session-Id");
        }

        await sessions.Close(Session(http));
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private McpHttpSession Session(HttpContext http) =>
        sessions.Find(Header(http, McpHeaders.SessionId)!, Owner(http), http.Request.Path)
        ?? throw new HttpRefusal(404, (McpErrorCode)(-32001), "There is no such session any more; POST 'initialize' opens another");

    private static void AsStream(HttpContext http)
    {
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache, no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
    }

    private static async Task Refuse(HttpContext http, HttpRefusal refusal)
    {
        http.Response.StatusCode = refusal.Status;
        if (refusal.Status == StatusCodes.Status405MethodNotAllowed)
        {
            http.Response.Headers.Allow = "POST, GET, DELETE";
        }

        http.Response.ContentType = "application/json";
        var error = new JsonObject { ["code"] = (int)refusal.Code, ["message"] = refusal.Message };
        if (refusal.About is { } about)
        {
            error["data"] = about;
        }

        var body = new JsonObject { ["jsonrpc"] = "2.0", ["id"] = refusal.Request is { } id ? JsonSerializer.SerializeToNode(id, McpJsonUtilities.DefaultOptions) : null, ["error"] = error };
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body.ToJsonString()), http.RequestAborted);
    }

    private static HttpRefusal Unsupported(string version) => new(400, McpErrorCode.UnsupportedProtocolVersion, $"The protocol version '{Short(version)}' is not spoken here")
    {
        About = new JsonObject { ["supported"] = new JsonArray([.. Versions.Select(v => JsonValue.Create(v))]), ["requested"] = Short(version) },
    };

    private static string Owner(HttpContext http) => http.User.Identity?.Name ?? "unknown";

    private static string? Header(HttpContext http, string name) => http.Request.Headers[name].ToString() is { Length: > 0 } value ? value : null;

    private static string Short(string text) => text.Length <= 100 ? text : text[..100];
}

/// <summary>How the server for one principal at one address answers.</summary>
/// <param name="Options">What it offers.</param>
/// <param name="Schema">What is known of a tool's arguments; null for a tool that is not known.</param>
/// <param name="Attach">Tells a session's client what changes meanwhile, until it is disposed.</param>
internal sealed record Served(McpServerOptions Options, Func<string, JsonElement?>? Schema = null, Func<SdkServer, IDisposable>? Attach = null);
