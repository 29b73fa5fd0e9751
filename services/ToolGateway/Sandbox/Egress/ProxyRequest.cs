using System.Globalization;

namespace AgentPlatform.ToolGateway.Sandbox.Egress;

/// <summary>The head of a request to a proxy.</summary>
/// <param name="Host">Whom it is for, in lower case.</param>
/// <param name="Port">Where there.</param>
/// <param name="IsTunnel">CONNECT: what follows is not looked at.</param>
/// <param name="Forwarded">What is sent to the host instead of the head; empty for a tunnel.</param>
internal sealed record ProxyRequest(string Host, int Port, bool IsTunnel, string Forwarded)
{
    /// <summary>Null for anything that is not plainly one of the two forms.</summary>
    internal static ProxyRequest? Parse(string head)
    {
        var lines = head.Split("\r\n");
        if (lines[0].Split(' ') is not [{ Length: > 0 } method, { Length: > 0 } target, "HTTP/1.1" or "HTTP/1.0"] || lines.Any(line => line.AsSpan().IndexOfAny('\r', '\n') >= 0)) return null;
        if (method == "CONNECT")
        {
            var colon = target.LastIndexOf(':');
            if (colon <= 0 || !int.TryParse(target.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65_535) return null;
            var host = target[..colon].Trim('[', ']');
            return Uri.CheckHostName(host) == UriHostNameType.Unknown ? null : new(host.ToLowerInvariant(), port, IsTunnel: true, Forwarded: "");
        }
        if (!Uri.TryCreate(target, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.UserInfo.Length > 0) return null;

        // The host that was granted is the host that is named, and the connection ends with this answer.
        var kept = lines[1..].Where(line => !Hop.Any(name => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)));
        return new(uri.IdnHost.Trim('[', ']').ToLowerInvariant(), uri.Port, IsTunnel: false, $"{method} {uri.PathAndQuery} HTTP/1.1\r\nHost: {uri.Authority}\r\nConnection: close\r\n{string.Concat(kept.Select(line => line + "\r\n"))}\r\n");
    }

    private static readonly string[] Hop = ["Host", "Connection", "Proxy-Connection", "Proxy-Authorization", "Keep-Alive", "Upgrade"];
}
