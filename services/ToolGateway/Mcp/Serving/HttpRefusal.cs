using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>A request that goes no further, told as a status and as a JSON-RPC error: an MCP client reads the one, whatever stands between reads the other.</summary>
internal sealed class HttpRefusal(int status, McpErrorCode code, string message) : Exception(message)
{
    public int Status { get; } = status;

    public McpErrorCode Code { get; } = code;

    /// <summary>The request, if it came far enough to have an id.</summary>
    public RequestId? Request { get; private init; }

    public JsonObject? About { get; init; }

    public HttpRefusal For(RequestId? request) => new(Status, Code, Message) { Request = request, About = About };
}
