using System.Text.Json;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Registry;

/// <summary>
/// The tools that a principal may at least ask for: a rule or a grant could let some call through. Which call, the arguments decide; a tool that is offered may
/// still be refused.
/// </summary>
internal sealed class OfferedTools(ToolRegistry registry, McpTools mcp, PolicyBook book, GrantBook grants)
{
    public async Task<IReadOnlyList<ITool>> To(string principal, string role, DateTimeOffset now, CancellationToken ct)
    {
        await mcp.ReadyAll(starts: true, ct);
        var engine = (await book.Current(ct)).Engine;
        var scopes = await grants.Scopes(now, ct);
        return
        [
            .. registry.Views.Select(view => registry.Find(view.Id)).OfType<ITool>().Where(tool =>
            {
                var call = PolicyCall.Of(tool.Spec, JsonSerializer.SerializeToElement(new { }), role, principal, tainted: false, now);
                return tool.Withheld is null && engine.Hope(call) is { } hope && (hope || scopes.Any(scope => scope.CouldBeGoodFor(call)));
            }),
        ];
    }
}
