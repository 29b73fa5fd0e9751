using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Serving;
using ModelContextProtocol;

namespace AgentPlatform.ToolGateway.Http;

/// <summary><c>/mcp</c>: every tool, under its full name. <c>/mcp/servers/NAME</c>: one server behind the gateway, under its own names.</summary>
internal static class McpEndpoint
{
    private const string WorkspaceHeader = "AgentPlatform-Workspace";
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Post, HttpMethods.Delete];

    public static void MapMcp(this IEndpointRouteBuilder app)
    {
        app.MapMethods("/mcp", Methods, (HttpContext http, McpHttp mcp, ServeMcp serve, CancellationToken ct) =>
            mcp.Handle(http, _ => Task.FromResult(serve.All(Who(http))), ct)).RequireAuthorization(Access.Call).ExcludeFromDescription();
        app.MapMethods("/mcp/servers/{name}", Methods, (string name, HttpContext http, McpHttp mcp, ServeOneServer serve, CancellationToken ct) =>
            mcp.Handle(
                http,
                async stop => await serve.Named(name, Who(http), stop) ?? throw new HttpRefusal(404, McpErrorCode.InvalidRequest, $"There is no MCP server '{name}' behind this gateway; GET /v1/mcp-servers lists them"),
                ct)).RequireAuthorization(Access.Call).ExcludeFromDescription();
    }

    private static Caller Who(HttpContext http) => Caller.Of(http.User, Workspace(http.Request));

    private static WorkspaceId? Workspace(HttpRequest request) =>
        request.Headers[WorkspaceHeader].ToString() is not { Length: > 0 } text ? null
        : WorkspaceId.TryParse(text, null, out var id) ? id
        : throw new ProblemException(400, "bad-workspace", $"The header {WorkspaceHeader} holds the id of a workspace, not '{text}'");
}
