using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Sandbox.Egress;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What a server that is a program may reach beyond its own folder, system programs and its own package.</summary>
/// <param name="Readable">Files and folders that it may also read.</param>
/// <param name="Writable">Files and folders that it may also write: its roots.</param>
/// <param name="Network">None unless given.</param>
/// <param name="Ports">The TCP ports it may connect to, where <paramref name="Network"/> is <see cref="NetworkAccess.TcpPorts"/>.</param>
/// <param name="Hosts">The hosts it may reach, where <paramref name="Network"/> is <see cref="NetworkAccess.Hosts"/>.</param>
public sealed record McpSandbox(string[] Readable, string[] Writable, NetworkAccess Network, int[] Ports, string[] Hosts)
{
    private const int PathsMax = 100;
    private static readonly string[] Known = ["readable", "writable", "network"];

    /// <summary>Its own folder, and no network.</summary>
    public static McpSandbox Alone { get; } = new([], [], NetworkAccess.None, [], []);

    /// <summary>As it is written in the configuration.</summary>
    public JsonObject Write() => new()
    {
        ["readable"] = new JsonArray([.. Readable.Select(path => JsonValue.Create(path))]),
        ["writable"] = new JsonArray([.. Writable.Select(path => JsonValue.Create(path))]),
        ["network"] = Network switch
        {
            NetworkAccess.TcpPorts => new JsonArray([.. Ports.Select(port => JsonValue.Create(port))]),
            NetworkAccess.Hosts => new JsonArray([.. Hosts.Select(host => JsonValue.Create(host))]),
            NetworkAccess.Internet => "internet",
            _ => "none",
        },
    };

    /// <summary>The member <c>sandbox</c> of an entry, or null; what is wrong is added to the errors.</summary>
    public static McpSandbox? Read(string name, JsonElement entry, List<string> errors)
    {
        if (!entry.TryGetProperty("sandbox", out var json) || json.ValueKind == JsonValueKind.Null) return null;
        if (json.ValueKind != JsonValueKind.Object)
        {
            errors.Add($"{name}: 'sandbox' is an object with {string.Join(", ", Known)}");
            return null;
        }
        if (entry.TryGetProperty("url", out _)) errors.Add($"{name}: 'sandbox' is for a server with a 'command'; one with a 'url' runs elsewhere");
        errors.AddRange(json.EnumerateObject().Where(m => !Known.Contains(m.Name)).Select(m => $"{name}: 'sandbox.{m.Name}' is unknown; known are {string.Join(", ", Known)}"));
        var (network, ports, hosts) = Reach();
        return new McpSandbox(Paths("readable"), Paths("writable"), network, ports, hosts);

        string[] Paths(string member)
        {
            if (!json.TryGetProperty(member, out var list)) return [];
            if (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() <= PathsMax && list.EnumerateArray().All(p => p.ValueKind == JsonValueKind.String && Path.IsPathFullyQualified(p.GetString()!) && Path.GetFullPath(p.GetString()!) != "/"))
                return [.. list.EnumerateArray().Select(p => Path.GetFullPath(p.GetString()!))];
            errors.Add($"{name}: 'sandbox.{member}' is a list of at most {PathsMax} absolute paths, none of them '/'");
            return [];
        }

        (NetworkAccess, int[], string[]) Reach()
        {
            if (!json.TryGetProperty("network", out var reach)) return (NetworkAccess.None, [], []);
            if (reach.ValueKind == JsonValueKind.String && reach.GetString() is "none" or "internet") return (reach.GetString() == "none" ? NetworkAccess.None : NetworkAccess.Internet, [], []);
            if (reach.ValueKind == JsonValueKind.Array && reach.GetArrayLength() is > 0 and <= PathsMax)
            {
                if (reach.EnumerateArray().All(p => p.ValueKind == JsonValueKind.Number && p.TryGetInt32(out var port) && port is > 0 and < 65_536))
                    return (NetworkAccess.TcpPorts, [.. reach.EnumerateArray().Select(p => p.GetInt32())], []);
                if (reach.EnumerateArray().All(h => h.ValueKind == JsonValueKind.String && HostGrants.Problem(h.GetString()!) is null))
                    return (NetworkAccess.Hosts, [], [.. reach.EnumerateArray().Select(h => h.GetString()!)]);
            }
            errors.Add($"{name}: 'sandbox.network' is \"none\", \"internet\", a list of hosts (\"api.example.org\", \"*.example.org\", \"192.0.2.1:8080\"), or a list of TCP ports");
            return (NetworkAccess.None, [], []);
        }
    }
}
