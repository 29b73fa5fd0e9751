using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AgentPlatform.ToolGateway.Sandbox.Egress;

/// <summary>Hosts that may be reached: <c>api.example.org</c>, <c>*.example.org</c> (what is below it), <c>192.0.2.1</c>, each with <c>:PORT</c> or for the ports of HTTP.</summary>
internal sealed class HostGrants(IReadOnlyList<string> hosts)
{
    private static readonly int[] WebPorts = [80, 443];

    /// <summary>Why a grant cannot be one, or null.</summary>
    internal static string? Problem(string grant)
    {
        var (host, port) = Split(grant);
        if (port is < 1 or > 65_535) return $"'{grant}' has no port from 1 to 65535";
        return Uri.CheckHostName(host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host) == UriHostNameType.Unknown ? $"'{grant}' is no host; give a name, *.name or an address" : null;
    }

    /// <summary>Why a host is not reached, or null.</summary>
    internal string? Refusal(string host, int port) => hosts.Any(grant => Fits(grant, host.TrimEnd('.'), port)) ? null : $"it is not among the granted hosts ({string.Join(", ", hosts)})";

    /// <summary>Why an address is not reached although its name is granted, or null.</summary>
    internal static string? RefusalOf(IPAddress address, string host)
    {
        if (IPAddress.TryParse(host, out _)) return null; // The address itself was granted.
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        var isNear = IPAddress.IsLoopback(address) || address.IsIPv6LinkLocal || address.IsIPv6SiteLocal || address.IsIPv6UniqueLocal || address.IsIPv6Multicast || address.Equals(IPAddress.IPv6Any)
            || (address.AddressFamily == AddressFamily.InterNetwork && bytes is [0 or 10 or 127, ..] or [100, >= 64 and < 128, ..] or [169, 254, ..] or [172, >= 16 and < 32, ..] or [192, 168, ..] or [>= 224, ..]);
        return isNear ? $"its name leads to {address}, an address of this machine or its network; grant that address itself if that is wanted" : null;
    }

    private static bool Fits(string grant, string host, int port)
    {
        var (name, wanted) = Split(grant.ToLowerInvariant());
        return (wanted is { } one ? one == port : WebPorts.Contains(port)) && (name.StartsWith("*.", StringComparison.Ordinal) ? host.EndsWith(name[1..], StringComparison.Ordinal) : host == name);
    }

    private static (string Host, int? Port) Split(string grant)
    {
        var colon = grant.LastIndexOf(':');
        if (colon < 0 || (grant.Contains(':', StringComparison.Ordinal) && grant.IndexOf(':', StringComparison.Ordinal) != colon && !grant.Contains(']', StringComparison.Ordinal))) return (grant, null);
        return (grant[..colon].Trim('[', ']'), int.TryParse(grant.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : -1);
    }
}
