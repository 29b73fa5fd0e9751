using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Sandbox.Egress;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Mcp.Authorization;

/// <summary>What is settled beforehand about signing in at a server; the rest the server says itself.</summary>
/// <param name="ClientId">As which client, if the authorization server knows us already; otherwise we register there.</param>
/// <param name="ClientSecret">That client's secret, as a reference into the vault.</param>
/// <param name="Scopes">Asked for where the server names none.</param>
/// <param name="ClientMetadataUrl">The https address at which authorization servers that take that can read who we are.</param>
/// <param name="Hosts">The only hosts besides the server's own that may be asked; any public one over https when empty.</param>
public sealed record McpOAuth(string? ClientId, McpValue? ClientSecret, string[] Scopes, string? ClientMetadataUrl, string[] Hosts)
{
    private const int ListMax = 50, TextMax = 2_000;
    private static readonly string[] Known = ["clientId", "clientSecret", "scopes", "clientMetadataUrl", "hosts"];

    /// <summary>As it is written in the configuration.</summary>
    public JsonObject Write()
    {
        var written = new JsonObject();
        if (ClientId is not null)
        {
            written["clientId"] = ClientId;
        }

        if (ClientSecret is not null)
        {
            written["clientSecret"] = ClientSecret.Write();
        }

        if (ClientMetadataUrl is not null)
        {
            written["clientMetadataUrl"] = ClientMetadataUrl;
        }

        foreach (var (member, values) in new[] { ("scopes", Scopes), ("hosts", Hosts) })
        {
            if (values.Length > 0)
            {
                written[member] = new JsonArray([.. values.Select(value => JsonValue.Create(value))]);
            }
        }

        return written;
    }

    internal static McpOAuth? Read(string name, JsonElement entry, List<string> errors)
    {
        if (!entry.TryGetProperty("oauth", out var json) || json.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (json.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("url", out _))
        {
            errors.Add($"{name}: 'oauth' is an object, of a server that has a 'url'");
            return null;
        }

        errors.AddRange(json.EnumerateObject().Where(m => !Known.Contains(m.Name)).Select(m => $"{name}: oauth.{m.Name} is unknown; known are {string.Join(", ", Known)}"));
        var read = new McpOAuth(Text("clientId"), Secret(), List("scopes"), Text("clientMetadataUrl"), List("hosts"));
        if (read is { ClientSecret: not null, ClientId: null })
        {
            errors.Add($"{name}: oauth.clientSecret needs the clientId whose secret it is");
        }

        if (read.ClientMetadataUrl is { } at && !(Uri.TryCreate(at, UriKind.Absolute, out var url) && url is { Scheme: "https", AbsolutePath.Length: > 1 }))
        {
            errors.Add($"{name}: oauth.clientMetadataUrl is an https address with a path");
        }

        errors.AddRange(read.Hosts.Select(HostGrants.Problem).OfType<string>().Select(problem => $"{name}: oauth.hosts: {problem}"));
        return read;

        string? Text(string member)
        {
            if (!json.TryGetProperty(member, out var value))
            {
                return null;
            }

            if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= TextMax } text && !text.Any(char.IsControl))
            {
                return text;
            }

            errors.Add($"{name}: oauth.{member} is a text of 1 to {TextMax} characters on one line");
            return null;
        }

        McpValue? Secret()
        {
            if (!json.TryGetProperty("clientSecret", out var value))
            {
                return null;
            }

            if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("$secret", out var secret) && secret.ValueKind == JsonValueKind.String && SecretBook.NamePattern().IsMatch(secret.GetString()!))
            {
                return new McpValue(null, secret.GetString(), null);
            }

            errors.Add($"{name}: oauth.clientSecret is a reference, because configuration is kept for ever; keep it with PUT /v1/secrets/NAME and refer to it as {{\"$secret\":\"NAME\"}}");
            return null;
        }

        string[] List(string member)
        {
            if (!json.TryGetProperty(member, out var list))
            {
                return [];
            }

            if (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() <= ListMax && list.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String && v.GetString() is { Length: > 0 and <= TextMax } text && !text.Any(char.IsWhiteSpace)))
            {
                return [.. list.EnumerateArray().Select(v => v.GetString()!)];
            }

            errors.Add($"{name}: oauth.{member} is a list of at most {ListMax} texts without blanks");
            return [];
        }
    }
}
