using System.Text.Json;

namespace AgentPlatform.Contracts;

/// <summary>Where an MCP server is.</summary>
public enum McpServerState
{
    /// <summary>Not started; the first list or call starts it.</summary>
    Idle,

    /// <summary>Connected.</summary>
    Running,

    /// <summary>The last try failed or it died; the next call tries again when the pause is over.</summary>
    Failed,
}

/// <summary>A configured MCP server.</summary>
/// <param name="Name">First part of its tools' names.</param>
/// <param name="Transport"><c>stdio</c> or <c>http</c>.</param>
/// <param name="Trusted">Its annotations are believed where they loosen something.</param>
/// <param name="State">Where it is, in the replica that was asked.</param>
/// <param name="Entry">As configured, in the common form; secrets only as references.</param>
/// <param name="By">Who configured it.</param>
/// <param name="At">When.</param>
/// <param name="Tools">What it offered so far.</param>
/// <param name="Trouble">Why it could not be reached, the last time.</param>
public sealed record McpServerView(
    string Name, string Transport, bool Trusted, McpServerState State, JsonElement Entry, string By, DateTimeOffset At, McpToolView[] Tools, string? Trouble);

/// <summary>A tool of an MCP server, pinned when it was first seen.</summary>
/// <param name="Id"><c>server.tool@version</c>; the version counts approvals.</param>
/// <param name="Sha256">Of the pinned definition: name, title, description, schema, annotations.</param>
/// <param name="FoundSha256">Of what the server offers now, when that differs: the tool is quarantined until somebody approves.</param>
/// <param name="Difference">What changed, for people.</param>
public sealed record McpToolView(string Id, string Sha256, string? FoundSha256, string? Difference);

/// <summary>Approves changed tools of an MCP server.</summary>
/// <param name="Sha256">Only the definitions with these hashes, so that nothing is approved that was not looked at; every changed one when absent.</param>
public sealed record ApproveMcpServerRequest(string[]? Sha256);

/// <summary>Where somebody has to sign in before an MCP server can be used.</summary>
/// <param name="Server">The server.</param>
/// <param name="SignedIn">Nobody has to: it answers.</param>
/// <param name="Address">To open in a browser; who knows it could answer with another account.</param>
/// <param name="ExpiresAt">Until when the server waits.</param>
public sealed record McpLoginView(string Server, bool SignedIn, string? Address, DateTimeOffset? ExpiresAt)
{
    /// <summary>Without the address.</summary>
    public override string ToString() => $"{Server}: {(SignedIn ? "signed in" : "waits")}";
}

/// <summary>Answers a sign-in whose browser cannot reach the gateway.</summary>
/// <param name="Address">The whole address that the browser was sent to afterwards.</param>
public sealed record AnswerMcpLoginRequest(string Address)
{
    /// <summary>Never the address.</summary>
    public override string ToString() => "[address]";
}

/// <summary>Keeps a secret for tools.</summary>
/// <param name="Value">The secret; it is never shown again.</param>
public sealed record SetSecretRequest(string Value)
{
    /// <summary>Never the secret.</summary>
    public override string ToString() => "[secret]";
}

/// <summary>A secret that tools may be given.</summary>
/// <param name="Name">What <c>{"$secret":"NAME"}</c> refers to.</param>
/// <param name="Fingerprint">Enough to tell two values apart.</param>
/// <param name="By">Who set it.</param>
/// <param name="At">When.</param>
public sealed record SecretView(string Name, string Fingerprint, string By, DateTimeOffset At);
