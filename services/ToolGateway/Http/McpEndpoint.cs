using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using SdkServer = ModelContextProtocol.Server.McpServer;

namespace AgentPlatform.ToolGateway.Http;

/// <summary>
/// <c>/mcp</c>: streamable HTTP without sessions. Each POST is answered by a server of its own, so any replica can answer any request; what must last is in the
/// store. There is no stream that a client could resume, and none that it would need: the result of a call can be asked for later.
/// </summary>
internal static class McpEndpoint
{
    private const string WorkspaceHeader = "AgentPlatform-Workspace";

    public static void MapMcp(this IEndpointRouteBuilder app)
    {
        app.MapPost("/mcp", Post).RequireAuthorization(Access.Call).ExcludeFromDescription();
        app.MapMethods("/mcp", [HttpMethods.Get, HttpMethods.Delete], (HttpContext http) =>
        {
            http.Response.Headers.Allow = HttpMethods.Post;
            return TypedResults.StatusCode(StatusCodes.Status405MethodNotAllowed);
        }).RequireAuthorization(Access.Call).ExcludeFromDescription();
    }

    private static async Task Post(HttpContext http, ServeMcp serve, ILoggerFactory loggers, CancellationToken ct)
    {
        RefuseForeignPages(http.Request);
        var message = await Read(http.Request, ct);
        message.Context = new JsonRpcMessageContext { User = http.User };
        if (http.Request.Headers["MCP-Protocol-Version"].ToString() is { Length: > 0 } version)
        {
            message.Context.ProtocolVersion = version;
        }

        await using var transport = new StreamableHttpServerTransport(loggers) { Stateless = true };
        await using var server = SdkServer.Create(transport, serve.Options(http.User, Workspace(http.Request)), loggers, http.RequestServices);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var running = server.RunAsync(end.Token);
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache, no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        if (!await transport.HandlePostRequestAsync(message, http.Response.Body, ct))
        {
            http.Response.ContentType = null;
            http.Response.StatusCode = StatusCodes.Status202Accepted;
        }

        await end.CancelAsync();
        await running.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    // A page of somebody else in the user's browser must not reach us through a name that it made point here.
    private static void RefuseForeignPages(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var page) && (page.IsLoopback || page.Authority == request.Host.Value)))
        {
            throw new ProblemException(403, "foreign-origin", $"A page of '{origin}' may not call this; call it without a browser, or from this host");
        }
    }

    private static async Task<JsonRpcMessage> Read(HttpRequest request, CancellationToken ct)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync<JsonRpcMessage>(request.Body, McpJsonUtilities.DefaultOptions, ct) ?? throw new JsonException("null is no message");
        }
        catch (JsonException e)
        {
            throw new ProblemException(400, "bad-json-rpc", $"The body is one JSON-RPC message: {e.Message}");
        }
    }

    private static WorkspaceId? Workspace(HttpRequest request) =>
        request.Headers[WorkspaceHeader].ToString() is not { Length: > 0 } text ? null
        : WorkspaceId.TryParse(text, null, out var id) ? id
        : throw new ProblemException(400, "bad-workspace", $"The header {WorkspaceHeader} holds the id of a workspace, not '{text}'");
}
