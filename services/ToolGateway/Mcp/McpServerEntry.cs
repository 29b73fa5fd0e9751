using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Mcp.Authorization;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>A value of a server's environment or headers: text, or a reference into the vault with what stands before it (<c>Bearer </c>).</summary>
public sealed record McpValue(string? Text, string? Secret, string? Prefix)
{
    /// <summary>As it is written in the configuration.</summary>
    public JsonNode Write() => Secret is null ? JsonValue.Create(Text)! : Prefix is null ? new JsonObject { ["$secret"] = Secret } : new JsonObject { ["$secret"] = Secret, ["prefix"] = Prefix };
}

/// <summary>How an MCP server is reached: a program to start, or an address.</summary>
public sealed record McpServerEntry(
    string? Command, string[] Args, IReadOnlyDictionary<string, McpValue> Env, string? Cwd, string? Url, IReadOnlyDictionary<string, McpValue> Headers, bool Trusted, McpSandbox? Sandbox = null,
    McpOAuth? OAuth = null)
{
    /// <summary>In the common form, secrets as references.</summary>
    public JsonObject Write()
    {
        var entry = new JsonObject();
        if (Command is not null)
        {
            entry["command"] = Command;
            entry["args"] = new JsonArray([.. Args.Select(a => JsonValue.Create(a))]);
            AddMap("env", Env);
        }

        if (Cwd is not null)
        {
            entry["cwd"] = Cwd;
        }

        if (Url is not null)
        {
            entry["url"] = Url;
            AddMap("headers", Headers);
        }

        entry["trusted"] = Trusted;
        if (Sandbox is not null)
        {
            entry["sandbox"] = Sandbox.Write();
        }

        if (OAuth is not null)
        {
            entry["oauth"] = OAuth.Write();
        }

        return entry;

        void AddMap(string name, IReadOnlyDictionary<string, McpValue> values) =>
            entry[name] = new JsonObject(values.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => KeyValuePair.Create<string, JsonNode?>(v.Key, v.Value.Write())));
    }
}
