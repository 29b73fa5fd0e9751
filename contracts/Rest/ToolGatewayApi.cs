using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>A tool as the registry knows it.</summary>
/// <param name="Id"><c>server.tool@version</c>.</param>
/// <param name="Name"><c>server.tool</c>.</param>
/// <param name="Version">Its version.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Description">Written for a model.</param>
/// <param name="InputSchema">JSON Schema of its arguments.</param>
/// <param name="ReadOnly">Changes nothing.</param>
/// <param name="Idempotent">Running it twice with the same arguments is as good as once.</param>
/// <param name="Destructive">May remove or overwrite what cannot be made again.</param>
/// <param name="OpenWorld">Reaches things outside this machine.</param>
/// <param name="SchemaHash">SHA-256 (hex) over name, description and schema.</param>
/// <param name="Health">How it has been doing, up to a moment ago; absent where no call has ended.</param>
public sealed record ToolView(
    string Id,
    string Name,
    string Version,
    string Title,
    string Description,
    JsonElement InputSchema,
    bool ReadOnly,
    bool Idempotent,
    bool Destructive,
    bool OpenWorld,
    string SchemaHash,
    ToolHealth? Health = null);

/// <summary>How a tool has been doing. Only what says something about the tool counts: not a call that was refused, cancelled or had wrong arguments, nor a command that ended with an exit code.</summary>
/// <param name="State">By the last call that counts.</param>
/// <param name="Since">The first of the calls in a row that ended so.</param>
/// <param name="ErrorRate">Share of failures, 0 to 1, in which later calls weigh more: each of them a tenth.</param>
/// <param name="LastError">What the last failure said, also long after it.</param>
/// <param name="LastErrorAt">When.</param>
/// <param name="MsP50">Half of the calls that ran took at most this long, rounded up to a power of two.</param>
/// <param name="MsP95">95 of 100 did.</param>
public sealed record ToolHealth(ToolHealthState State, DateTimeOffset Since, double ErrorRate, string? LastError, DateTimeOffset? LastErrorAt, double? MsP50, double? MsP95);

/// <summary>Whether a tool works.</summary>
public enum ToolHealthState
{
    /// <summary>The last call that says something came through.</summary>
    Up,

    /// <summary>It failed.</summary>
    Failing,
}

/// <summary>How a tool has been used, up to a moment ago.</summary>
/// <param name="Tool"><c>server.tool@version</c>.</param>
/// <param name="Calls">Asked for.</param>
/// <param name="Open">Of those, not settled yet.</param>
/// <param name="Outcomes">The settled ones by how they ended; what never happened is left out.</param>
/// <param name="MsMean">Mean time of those that ran, in milliseconds; absent when none did.</param>
/// <param name="MsP95">95 of 100 took at most this long, rounded up to a power of two.</param>
/// <param name="MsMax">The longest.</param>
/// <param name="LastAt">The last call or end of one.</param>
public sealed record ToolUsageView(
    string Tool, long Calls, long Open, IReadOnlyDictionary<ToolOutcomeStatus, long> Outcomes, double? MsMean, double? MsP95, double? MsMax, DateTimeOffset LastAt);

/// <summary>Where an invocation is.</summary>
public enum InvocationState
{
    /// <summary>Recorded; policy has not spoken yet.</summary>
    Requested,

    /// <summary>A human is asked.</summary>
    WaitingApproval,

    /// <summary>Allowed; about to start.</summary>
    Allowed,

    /// <summary>The tool runs.</summary>
    Running,

    /// <summary>It ended; see the outcome.</summary>
    Settled,
}

/// <summary>One tool call.</summary>
/// <param name="Id">The call.</param>
/// <param name="Tool"><c>server.tool@version</c>.</param>
/// <param name="State">Where it is.</param>
/// <param name="Verdict">What policy said and why.</param>
/// <param name="Attempts">How often the tool was started.</param>
/// <param name="Run">The run it belongs to.</param>
/// <param name="Task">The task.</param>
/// <param name="RequestedAt">When.</param>
/// <param name="SettledAt">When it ended.</param>
/// <param name="Outcome">How it ended.</param>
public sealed record InvocationView(
    InvocationId Id,
    string Tool,
    InvocationState State,
    VerdictView? Verdict,
    int Attempts,
    RunId? Run,
    string? Task,
    DateTimeOffset RequestedAt,
    DateTimeOffset? SettledAt,
    ToolOutcome? Outcome);

/// <summary>What policy says about a call.</summary>
/// <param name="Verdict">allow, ask or deny.</param>
/// <param name="Rule">The rule that decided.</param>
/// <param name="Reason">Why the rule exists.</param>
public sealed record VerdictView(Verdict Verdict, string Rule, string Reason);

/// <summary>allow &lt; ask &lt; deny: the strictest wins.</summary>
public enum Verdict
{
    /// <summary>Goes on.</summary>
    Allow,

    /// <summary>A human decides.</summary>
    Ask,

    /// <summary>Nothing runs.</summary>
    Deny,
}

/// <summary>A direct tool call over HTTP.</summary>
/// <param name="Tool"><c>server.tool</c> or <c>server.tool@version</c>.</param>
/// <param name="Arguments">A JSON object.</param>
/// <param name="Workspace">The folder to work in.</param>
/// <param name="Invocation">Chosen by the caller to make a retry harmless; a new one when absent.</param>
public sealed record InvokeRequest(string Tool, JsonElement? Arguments, WorkspaceId Workspace, InvocationId? Invocation = null);

/// <summary>A file of a workspace.</summary>
/// <param name="Path">Relative to the workspace.</param>
/// <param name="Bytes">Its size.</param>
public sealed record WorkspaceFile(string Path, long Bytes);

/// <summary>The ToolGateway over HTTP.</summary>
[Header("Accept", "application/json")]
public interface IToolGatewayApi
{
    /// <summary>The bearer token.</summary>
    [Header("Authorization")]
    string Authorization { get; set; }

    /// <summary>Every tool that can be called.</summary>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/tools")]
    Task<Page<ToolView>> ListTools(CancellationToken ct = default);

    /// <summary>How the tools have been used; those that were ever called, by name.</summary>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 500.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/tools/usage")]
    Task<Page<ToolUsageView>> ListToolUsage([Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>Calls a tool and waits for its end, up to the server's waiting time; then the state so far comes back.</summary>
    /// <param name="request">The call.</param>
    /// <param name="ct">Stops waiting, not the call.</param>
    [Post("v1/invocations")]
    Task<InvocationView> Invoke([Body] InvokeRequest request, CancellationToken ct = default);

    /// <summary>One call.</summary>
    /// <param name="id">The call.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/invocations/{id}")]
    Task<InvocationView> GetInvocation([Path] InvocationId id, CancellationToken ct = default);

    /// <summary>The policy in force.</summary>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/policy")]
    Task<PolicyView> GetPolicy(CancellationToken ct = default);

    /// <summary>Puts a policy in force, as a whole; the same text again changes nothing.</summary>
    /// <param name="request">The policy.</param>
    /// <param name="ct">Stops waiting.</param>
    [Put("v1/policy")]
    Task<PolicyView> SetPolicy([Body] SetPolicyRequest request, CancellationToken ct = default);

    /// <summary>What policy would say about a call, and why.</summary>
    /// <param name="request">The call.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/policy/explain")]
    Task<PolicyExplanation> ExplainPolicy([Body] ExplainPolicyRequest request, CancellationToken ct = default);

    /// <summary>What another policy would have decided about the calls of the past.</summary>
    /// <param name="request">The policy.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/policy/simulate")]
    Task<PolicySimulation> SimulatePolicy([Body] SimulatePolicyRequest request, CancellationToken ct = default);

    /// <summary>Grants, the oldest first.</summary>
    /// <param name="state">Only these; all when absent.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 500.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/grants")]
    Task<Page<GrantView>> ListGrants([Query] string? state = null, [Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>One grant.</summary>
    /// <param name="id">The grant.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/grants/{id}")]
    Task<GrantView> GetGrant([Path] GrantId id, CancellationToken ct = default);

    /// <summary>Gives a grant.</summary>
    /// <param name="request">The grant.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/grants")]
    Task<GrantView> GiveGrant([Body] GiveGrantRequest request, CancellationToken ct = default);

    /// <summary>Takes a grant back, and with it all that are parts of it; what was taken back stays so.</summary>
    /// <param name="id">The grant.</param>
    /// <param name="ct">Stops waiting.</param>
    [Delete("v1/grants/{id}")]
    Task<GrantView> RevokeGrant([Path] GrantId id, CancellationToken ct = default);

    /// <summary>The MCP servers, by name.</summary>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/mcp-servers")]
    Task<Page<McpServerView>> ListMcpServers(CancellationToken ct = default);

    /// <summary>One MCP server.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/mcp-servers/{name}")]
    Task<McpServerView> GetMcpServer([Path] string name, CancellationToken ct = default);

    /// <summary>Configures an MCP server; it is started by the first list or call.</summary>
    /// <param name="name">First part of its tools' names.</param>
    /// <param name="entry">One entry of the common <c>mcpServers</c> JSON.</param>
    /// <param name="ct">Stops waiting.</param>
    [Put("v1/mcp-servers/{name}")]
    Task<McpServerView> PutMcpServer([Path] string name, [Body] JsonElement entry, CancellationToken ct = default);

    /// <summary>Configures every server of a common <c>mcpServers</c> document, or none.</summary>
    /// <param name="document">As other MCP clients have it.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/mcp-servers/import")]
    Task<Page<McpServerView>> ImportMcpServers([Body] JsonElement document, CancellationToken ct = default);

    /// <summary>Takes an MCP server away, with its tools.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Stops waiting.</param>
    [Delete("v1/mcp-servers/{name}")]
    Task DeleteMcpServer([Path] string name, CancellationToken ct = default);

    /// <summary>Lets changed tools of an MCP server out of quarantine, as they are now.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="request">Which.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/mcp-servers/{name}/approve")]
    Task<McpServerView> ApproveMcpServer([Path] string name, [Body] ApproveMcpServerRequest request, CancellationToken ct = default);

    /// <summary>Starts an MCP server, or tells where somebody has to sign in first; told again, tells how it stands.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/mcp-servers/{name}/login")]
    Task<McpLoginView> LoginMcpServer([Path] string name, CancellationToken ct = default);

    /// <summary>Answers a sign-in by hand, where the browser cannot reach the gateway.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="request">The answer.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/mcp-servers/{name}/login/answer")]
    Task AnswerMcpLogin([Path] string name, [Body] AnswerMcpLoginRequest request, CancellationToken ct = default);

    /// <summary>The secrets of tools, without their values.</summary>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/secrets")]
    Task<Page<SecretView>> ListSecrets(CancellationToken ct = default);

    /// <summary>Keeps a secret, or another value for it.</summary>
    /// <param name="name">What references name.</param>
    /// <param name="request">The value.</param>
    /// <param name="ct">Stops waiting.</param>
    [Put("v1/secrets/{name}")]
    Task<SecretView> SetSecret([Path] string name, [Body] SetSecretRequest request, CancellationToken ct = default);

    /// <summary>Forgets a secret.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Stops waiting.</param>
    [Delete("v1/secrets/{name}")]
    Task DeleteSecret([Path] string name, CancellationToken ct = default);

    /// <summary>Writes one file of a workspace, whole or not at all; the workspace is made if needed.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="path">Relative path.</param>
    /// <param name="content">The bytes.</param>
    /// <param name="ct">Cancels the upload.</param>
    [Put("v1/workspaces/{workspace}/files/{path}")]
    Task<Artifact> PutFile([Path] WorkspaceId workspace, [Path(UrlEncode = false)] string path, [Body] Stream content, CancellationToken ct = default);

    /// <summary>Reads one file of a workspace.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="path">Relative path.</param>
    /// <param name="ct">Cancels the download.</param>
    [Get("v1/workspaces/{workspace}/files/{path}")]
    Task<HttpResponseMessage> GetFile([Path] WorkspaceId workspace, [Path(UrlEncode = false)] string path, CancellationToken ct = default);

    /// <summary>Lists the files of a workspace.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="glob">For example <c>out/**</c>; everything when absent.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/workspaces/{workspace}/files")]
    Task<Page<WorkspaceFile>> ListFiles([Path] WorkspaceId workspace, [Query] string? glob = null, CancellationToken ct = default);
}
