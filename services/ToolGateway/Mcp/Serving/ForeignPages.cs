using System.Net;
using ModelContextProtocol;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>
/// A page of somebody else, open in the user's browser, must not reach us, also not through a name of its own that it makes point to this machine: then the
/// page and the address it calls have the same name, and only the name itself gives it away.
/// </summary>
internal static class ForeignPages
{
    public static void Refuse(HttpContext http, ServingOptions options)
    {
        var origin = http.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var page) && page.IsLoopback) && !options.OriginsAllowed.Contains(origin, StringComparer.OrdinalIgnoreCase))
        {
            throw new HttpRefusal(403, McpErrorCode.InvalidRequest, $"A page of '{origin}' may not call this; call it without a browser, or name the page in ToolGateway:Mcp:Serving:OriginsAllowed");
        }

        var host = http.Request.Host.Host;
        if (http.Connection.LocalIpAddress is { } local && IPAddress.IsLoopback(local) && !IsHere(host) && !options.HostsAllowed.Contains(host, StringComparer.OrdinalIgnoreCase))
        {
            throw new HttpRefusal(421, McpErrorCode.InvalidRequest, $"'{host}' is no name of this machine; call it as localhost, or name it in ToolGateway:Mcp:Serving:HostsAllowed");
        }
    }

    private static bool IsHere(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
