using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;

namespace AgentPlatform.ToolGateway.Http;

/// <summary>
/// <c>/v1/mcp-servers/NAME/login</c> and <c>/oauth/callback</c>. To sign in is to lend an account to every agent that may call the server: for owners only. The callback is for a
/// browser, which brings no token of ours; what it brings is good for nothing unless it is the answer to what was asked.
/// </summary>
internal static class McpLoginRoutes
{
    public static void MapMcpLogins(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/mcp-servers/{name}/login", Begin).RequireAuthorization(Access.Own);
        app.MapPost("/v1/mcp-servers/{name}/login/answer", Answer).RequireAuthorization(Access.Own);
        app.MapGet(McpLogins.Path, Callback).AllowAnonymous().ExcludeFromDescription();
    }

    private static async Task<McpLoginView> Begin(string name, McpTools tools, CancellationToken ct)
    {
        var connection = await tools.Find(name, ct) ?? throw ProblemException.NotFound("mcp-server", name);
        try
        {
            var login = await connection.Login(ct);
            return new McpLoginView(name, SignedIn: login is null, login?.Address.AbsoluteUri, login?.ExpiresAt);
        }
        catch (McpUnavailableException e)
        {
            throw new ProblemException(502, "mcp-server-unavailable", e.Message);
        }
    }

    private static NoContent Answer(string name, AnswerMcpLoginRequest request, McpLogins logins) =>
        Uri.TryCreate(request.Address, UriKind.Absolute, out var address) && logins.Take(Read(address.Query), name)
            ? TypedResults.NoContent()
            : throw new ProblemException(409, "no-login-waits", $"No sign-in of '{name}' waits for this; paste the whole address that the browser was sent to, and begin again with POST /v1/mcp-servers/{name}/login if it took too long");

    private static ContentHttpResult Callback(HttpContext http, McpLogins logins)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        return logins.Take(Read(http.Request.QueryString.Value ?? string.Empty))
            ? TypedResults.Text("Thank you. The gateway goes on; you can close this page.")
            : TypedResults.Text("No sign-in waits for this. It may have taken too long, or was answered already: begin again with 'agentctl mcp login'.", statusCode: StatusCodes.Status400BadRequest);
    }

    private static Dictionary<string, string> Read(string query) => QueryHelpers.ParseQuery(query).ToDictionary(p => p.Key, p => p.Value.ToString(), StringComparer.Ordinal);
}
