namespace AgentPlatform.ServiceDefaults;

/// <summary>Who may do what: names of authorization policies and roles.</summary>
public static class Access
{
    /// <summary>Look at things: every principal.</summary>
    public const string Read = "read";

    /// <summary>Start, change and stop things: owner, operator, services.</summary>
    public const string Operate = "operate";

    /// <summary>Answer requests: owner, operator, approver. Never an agent or a service.</summary>
    public const string Approve = "approve";

    /// <summary>Call tools and models: owner, operator, agents, services.</summary>
    public const string Call = "call";

    /// <summary>Change configuration and secrets: owner.</summary>
    public const string Own = "own";

    internal static IReadOnlyDictionary<string, string[]> Policies { get; } = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        [Read] = ["owner", "operator", "approver", "viewer", "agent", "service"],
        [Operate] = ["owner", "operator", "service"],
        [Approve] = ["owner", "operator", "approver"],
        [Call] = ["owner", "operator", "agent", "service"],
        [Own] = ["owner"],
    };
}
