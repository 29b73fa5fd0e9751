using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ToolGateway.Invocations;
using ModelContextProtocol;

namespace AgentPlatform.ToolGateway.Mcp.Callers;

/// <summary>Which call waits, and for the answer to what.</summary>
internal sealed record CallState(InvocationId Invocation, string Ask);

/// <summary>
/// Hands clients what leads their next request back to a call that waits, sealed, so that any replica can go on with it, and only with the same call of the
/// same principal: nobody can answer for somebody else, nor say afterwards that another tool was meant.
/// </summary>
internal sealed class RequestStates(MasterKey? master)
{
    // Without a master key a process knows only its own, which is all there is then.
    private readonly KeyVault _vault = new(master ?? new MasterKey(RandomNumberGenerator.GetBytes(32)), "mcp-request-state");

    /// <summary>What a state is good for.</summary>
    public static string About(Caller who, string tool, JsonElement arguments) =>
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { who.Name, who.Workspace, tool, arguments = CallHash.Sorted(System.Text.Json.Nodes.JsonNode.Parse(arguments.GetRawText())) })));

    public string Seal(CallState state, string about) => _vault.Seal(JsonSerializer.SerializeToUtf8Bytes(state, ContractJson.Options), about);

    /// <exception cref="McpProtocolException">It is not ours, or for another call.</exception>
    public CallState Open(string text, string about)
    {
        try
        {
            return JsonSerializer.Deserialize<CallState>(_vault.Open(text, about), ContractJson.Options)!;
        }
        catch (Exception e) when (e is CryptographicException or FormatException or ArgumentException or JsonException or InvalidOperationException)
        {
            throw new McpProtocolException("The requestState is not what was handed out for this request; send it back as it is, with the same request", e, McpErrorCode.InvalidParams);
        }
    }
}
