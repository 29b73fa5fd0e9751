using System.Security.Claims;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Http;

/// <summary><c>/v1/mcp-servers</c>, <c>/v1/secrets</c>. To configure a server is to run a program: for owners only.</summary>
internal static class McpRoutes
{
    public static void MapMcpServers(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/mcp-servers", List).RequireAuthorization(Access.Read);
        app.MapGet("/v1/mcp-servers/{name}", (string name, McpTools tools, CancellationToken ct) => tools.View(name, ct)).RequireAuthorization(Access.Read);
        app.MapPut("/v1/mcp-servers/{name}", Put).RequireAuthorization(Access.Own);
        app.MapPost("/v1/mcp-servers/import", Import).RequireAuthorization(Access.Own);
        app.MapDelete("/v1/mcp-servers/{name}", Delete).RequireAuthorization(Access.Own);
        app.MapPost("/v1/mcp-servers/{name}/approve", Approve).RequireAuthorization(Access.Approve);
        app.MapGet("/v1/secrets", async (SecretBook secrets, CancellationToken ct) => new Page<SecretView>([.. await secrets.List(ct)], Next: null)).RequireAuthorization(Access.Own);
        app.MapPut("/v1/secrets/{name}", (string name, SetSecretRequest request, SecretBook secrets, ClaimsPrincipal who, CancellationToken ct) => secrets.Set(name, request.Value, Name(who), ct))
            .RequireAuthorization(Access.Own);
        app.MapDelete("/v1/secrets/{name}", (string name, SecretBook secrets, ClaimsPrincipal who, CancellationToken ct) => secrets.Remove(name, Name(who), ct)).RequireAuthorization(Access.Own);
    }

    private static async Task<Page<McpServerView>> List(McpServerBook book, McpTools tools, CancellationToken ct) =>
        new(await Task.WhenAll((await book.Names(ct)).Select(name => tools.View(name, ct))), Next: null);

    private static async Task<McpServerView> Put(string name, JsonElement entry, McpServerBook book, McpTools tools, ClaimsPrincipal who, CancellationToken ct)
    {
        await book.Set([(name, ReadMcpServers.One(name, entry))], Name(who), ct);
        return await tools.View(name, ct);
    }

    private static async Task<Page<McpServerView>> Import(JsonElement document, McpServerBook book, McpTools tools, ClaimsPrincipal who, CancellationToken ct)
    {
        var servers = ReadMcpServers.Document(document);
        await book.Set(servers, Name(who), ct);
        return new(await Task.WhenAll(servers.Select(server => tools.View(server.Name, ct))), Next: null);
    }

    private static async Task<IResult> Delete(string name, McpServerBook book, McpTools tools, ClaimsPrincipal who, CancellationToken ct)
    {
        await book.Remove(name, Name(who), ct);
        await tools.Ready($"{name}.", ct);
        return TypedResults.NoContent();
    }

    private static async Task<McpServerView> Approve(string name, ApproveMcpServerRequest request, McpServerBook book, McpTools tools, ClaimsPrincipal who, CancellationToken ct)
    {
        await tools.View(name, ct);
        await book.Approve(name, request.Sha256, Name(who), ct);
        return await tools.View(name, ct);
    }

    private static string Name(ClaimsPrincipal who) => who.Identity?.Name ?? "unknown";
}
