namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>Tool names on the wire to models, which take only letters, digits, '_' and '-': <c>files.read</c> ↔ <c>files__read</c>.</summary>
internal static class ToolNames
{
    public static string ToModel(string name) => name.Replace(".", "__", StringComparison.Ordinal);

    public static string FromModel(string name) => name.Replace("__", ".", StringComparison.Ordinal);
}
