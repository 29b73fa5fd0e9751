using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>Reads the common <c>mcpServers</c> JSON and refuses what cannot be used, or what looks like a secret in clear.</summary>
/// <remarks>What looks like a secret is a guess by names and well-known shapes. It stops the usual paste, not somebody who wants to get past it.</remarks>
internal static partial class ReadMcpServers
{
    private const int ServersMax = 100, ValuesMax = 100, TextMax = 8 * 1024;
    private static readonly string[] Known = ["command", "args", "env", "cwd", "url", "headers", "trusted", "sandbox", "oauth", "type"];

    // Other clients' own settings: whether a call is approved is for our policy, and nothing here is disabled but by taking it away.
    private static readonly string[] Others = ["disabled", "autoApprove", "alwaysAllow", "description", "timeout", "name"];

    /// <summary>Every server of a document.</summary>
    /// <exception cref="ProblemException">Says everything that is wrong.</exception>
    public static IReadOnlyList<(string Name, McpServerEntry Entry)> Document(JsonElement document)
    {
        if (document.ValueKind != JsonValueKind.Object || !document.TryGetProperty("mcpServers", out var servers) || servers.ValueKind != JsonValueKind.Object)
        {
            throw Invalid(["the document is an object with a member 'mcpServers', which maps names to servers"]);
        }

        var errors = new List<string>();
        var entries = servers.EnumerateObject().Take(ServersMax + 1).Select(server => (server.Name, Entry: Read(server.Name, server.Value, errors))).ToArray();
        return entries.Length > ServersMax ? throw Invalid([$"a document has at most {ServersMax} servers"]) : errors.Count > 0 ? throw Invalid(errors) : [.. entries.Select(e => (e.Name, e.Entry!))];
    }

    /// <summary>One entry.</summary>
    /// <exception cref="ProblemException">Says everything that is wrong.</exception>
    public static McpServerEntry One(string name, JsonElement entry)
    {
        var errors = new List<string>();
        return Read(name, entry, errors) is { } read && errors.Count == 0 ? read : throw Invalid(errors);
    }

    private static McpServerEntry? Read(string name, JsonElement json, List<string> errors)
    {
        if (!McpServer.NamePattern().IsMatch(name))
        {
            errors.Add($"'{name}' is no name: up to 40 letters, digits, dashes and underscores, because it is the first part of tool names");
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            errors.Add($"{name}: an entry is an object with 'command' or 'url'");
            return null;
        }

        errors.AddRange(json.EnumerateObject().Where(m => !Known.Contains(m.Name) && !Others.Contains(m.Name)).Select(m => $"{name}: '{m.Name}' is unknown; known are {string.Join(", ", Known)}"));
        var (command, url, cwd) = (Text("command"), Text("url"), Text("cwd"));
        if (command is null == url is null)
        {
            errors.Add($"{name}: give exactly one of 'command' (a program that speaks MCP on its standard streams) and 'url'");
        }

        if (cwd is not null && !Path.IsPathFullyQualified(cwd))
        {
            errors.Add($"{name}: 'cwd' is an absolute path");
        }

        var entry = new McpServerEntry(command, Args(), Map("env"), cwd, url, Map("headers"), Bool("trusted"), McpSandbox.Read(name, json, errors), McpOAuth.Read(name, json, errors));
        CheckUrl(name, entry, errors);
        return entry;

        string? Text(string member)
        {
            if (!json.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
            {
                return null;
            }

            if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= TextMax } text && !text.Contains('\0', StringComparison.Ordinal))
            {
                CheckSecret(member, text);
                return text;
            }

            errors.Add($"{name}: '{member}' is a text of 1 to {TextMax} characters");
            return null;
        }

        bool Bool(string member)
        {
            if (!json.TryGetProperty(member, out var value) || value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            {
                return value.ValueKind == JsonValueKind.True;
            }

            errors.Add($"{name}: '{member}' is true or false");
            return false;
        }

        string[] Args()
        {
            if (!json.TryGetProperty("args", out var list))
            {
                return [];
            }

            if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > ValuesMax || list.EnumerateArray().Any(a => a.ValueKind != JsonValueKind.String || a.GetString()!.Length > TextMax))
            {
                errors.Add($"{name}: 'args' is a list of at most {ValuesMax} texts");
                return [];
            }

            string[] args = [.. list.EnumerateArray().Select(a => a.GetString()!)];
            for (var i = 0; i < args.Length; i++)
            {
                var option = args[i].Split('=', 2);
                CheckSecret($"args[{i}]", args[i]);
                if (SecretName().IsMatch(option[0]) && option[0].StartsWith('-') && (option.Length == 2 || (i + 1 < args.Length && !args[i + 1].StartsWith('-'))))
                {
                    errors.Add($"{name}: args[{i}] ('{option[0]}') looks like a secret on a command line, which every user of the machine can read; give it in 'env' as {{\"$secret\":\"NAME\"}}");
                }
            }

            return args;
        }

        Dictionary<string, McpValue> Map(string member)
        {
            var map = new Dictionary<string, McpValue>(StringComparer.Ordinal);
            if (!json.TryGetProperty(member, out var values) || values.ValueKind == JsonValueKind.Null)
            {
                return map;
            }

            if (values.ValueKind != JsonValueKind.Object || values.EnumerateObject().Count() > ValuesMax)
            {
                errors.Add($"{name}: '{member}' maps at most {ValuesMax} names to texts");
                return map;
            }

            foreach (var value in values.EnumerateObject())
            {
                if (!ValueName().IsMatch(value.Name))
                {
                    errors.Add($"{name}: '{value.Name}' in '{member}' is no name of letters, digits, dashes and underscores");
                }
                else if (Value($"{member}.{value.Name}", value) is { } read)
                {
                    map[value.Name] = read;
                }
            }

            return map;
        }

        McpValue? Value(string where, JsonProperty value)
        {
            if (value.Value.ValueKind == JsonValueKind.Object && value.Value.TryGetProperty("$secret", out var secret) && secret.ValueKind == JsonValueKind.String && SecretBook.NamePattern().IsMatch(secret.GetString()!))
            {
                return new McpValue(null, secret.GetString(), value.Value.TryGetProperty("prefix", out var prefix) && prefix.ValueKind == JsonValueKind.String ? prefix.GetString() : null);
            }

            if (value.Value.ValueKind != JsonValueKind.String || value.Value.GetString() is not { Length: <= TextMax } text || text.Any(char.IsControl))
            {
                errors.Add($"{name}: {where} is a text of at most {TextMax} characters on one line, or {{\"$secret\":\"NAME\"}}");
                return null;
            }

            if (text.Length > 0 && SecretName().IsMatch(value.Name))
            {
                errors.Add(Refusal(where));
                return null;
            }

            CheckSecret(where, text);
            return new McpValue(text, null, null);
        }

        void CheckSecret(string where, string text)
        {
            if (SecretShape().IsMatch(text))
            {
                errors.Add(Refusal(where));
            }
        }

        string Refusal(string where) =>
            $"{name}: {where} looks like a secret in clear, and configuration is kept for ever; keep it with PUT /v1/secrets/NAME and refer to it as {{\"$secret\":\"NAME\"}} in 'env' or 'headers'";
    }

    private static void CheckUrl(string name, McpServerEntry entry, List<string> errors)
    {
        if (entry.Url is null)
        {
            return;
        }

        if (!Uri.TryCreate(entry.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0)
        {
            errors.Add($"{name}: 'url' is an http or https address without a user in it");
        }
        else if (url.Scheme == "http" && entry.Headers.Count > 0 && !url.IsLoopback && !(IPAddress.TryParse(url.Host, out var address) && IPAddress.IsLoopback(address)))
        {
            errors.Add($"{name}: headers would travel unencrypted to {url.Host}; use https");
        }
        else if (url.Query.TrimStart('?').Split('&').Any(pair => SecretName().IsMatch(pair.Split('=')[0])))
        {
            errors.Add($"{name}: 'url' looks as if a secret stands in its query; give it in 'headers' as {{\"$secret\":\"NAME\"}}");
        }
    }

    private static ProblemException Invalid(IReadOnlyList<string> errors) => new(422, "invalid-mcp-server", $"The MCP servers cannot be used: {string.Join("; ", errors.Take(5))}") { Errors = errors };

    [GeneratedRegex("(token|secret|passw|api[-_]?key|apikey|access[-_]?key|private[-_]?key|credential|authorization|cookie)", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex SecretName();

    [GeneratedRegex(@"(^|[\s=:])(sk-[A-Za-z0-9_-]{16,}|gh[opsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[a-z]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{12,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|glpat-[\w-]{16,}|Bearer\s+\S{8,})", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex SecretShape();

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_-]{0,100}$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex ValueName();
}
