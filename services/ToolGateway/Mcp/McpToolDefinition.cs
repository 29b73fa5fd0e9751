using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentPlatform.ToolGateway.Invocations;
using Tool = ModelContextProtocol.Protocol.Tool;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What a server says about a tool; the hash over all of it is what is pinned.</summary>
public sealed partial record McpToolDefinition(
    string Name, string? Title, string? Description, JsonElement InputSchema, bool? ReadOnlyHint, bool? DestructiveHint, bool? IdempotentHint, bool? OpenWorldHint, string Sha256)
{
    /// <summary>Bytes of a schema and characters of a description; more cannot be read by those who approve it.</summary>
    public const int TextMax = 64 * 1024;

    /// <summary>As a server offers it; null when it cannot be used.</summary>
    internal static McpToolDefinition? Of(Tool tool)
    {
        var schema = tool.InputSchema.GetRawText();
        if (!NamePattern().IsMatch(tool.Name) || schema.Length > TextMax || tool.Description?.Length > TextMax || HasForeignReference(tool.InputSchema)
            || McpResult.HoldsNul(schema) || $"{tool.Title}{tool.Description}{tool.Annotations?.Title}".Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        var hints = tool.Annotations;
        var plain = new McpToolDefinition(
            tool.Name, tool.Title ?? hints?.Title, tool.Description, tool.InputSchema.Clone(), hints?.ReadOnlyHint, hints?.DestructiveHint, hints?.IdempotentHint, hints?.OpenWorldHint, string.Empty);
        var content = CallHash.Sorted(JsonSerializer.SerializeToNode(plain))!;
        return plain with { Sha256 = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(content))) };
    }

    /// <summary>What changed, for people.</summary>
    internal static string Difference(McpToolDefinition before, McpToolDefinition now)
    {
        var changes = new List<string>();
        Compare("title", before.Title, now.Title);
        Compare("description", before.Description, now.Description);
        Compare("schema", before.InputSchema.GetRawText(), now.InputSchema.GetRawText());
        Compare("annotations", Hints(before), Hints(now));
        return string.Join("; ", changes);

        void Compare(string what, string? old, string? @new)
        {
            if (old != @new)
            {
                changes.Add($"{what} was {Short(old)} and is {Short(@new)}");
            }
        }
    }

    private static string Hints(McpToolDefinition tool) =>
        $"read-only {tool.ReadOnlyHint?.ToString() ?? "unsaid"}, destructive {tool.DestructiveHint?.ToString() ?? "unsaid"}, idempotent {tool.IdempotentHint?.ToString() ?? "unsaid"}, open-world {tool.OpenWorldHint?.ToString() ?? "unsaid"}";

    private static string Short(string? text) => text is null ? "absent" : text.Length <= 500 ? $"“{text}”" : $"“{text[..500]}…” ({text.Length} characters)";

    // A reference to a file or an address would be fetched by whoever reads the schema: the gateway.
    private static bool HasForeignReference(JsonElement schema) => schema.ValueKind switch
    {
        JsonValueKind.Object => schema.EnumerateObject().Any(m =>
            (m.Name is "$ref" or "$dynamicRef" && m.Value.ValueKind == JsonValueKind.String && !m.Value.GetString()!.StartsWith('#')) || HasForeignReference(m.Value)),
        JsonValueKind.Array => schema.EnumerateArray().Any(HasForeignReference),
        _ => false,
    };

    [GeneratedRegex("^[A-Za-z0-9_./-]{1,128}$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex NamePattern();
}
