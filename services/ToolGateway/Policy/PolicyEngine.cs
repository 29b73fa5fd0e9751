using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>Says allow, ask or deny for a call: every rule that is about it speaks, the strictest wins; where none speaks, the answer is deny.</summary>
public sealed class PolicyEngine
{
    public PolicyEngine(IReadOnlyList<PolicyRule> rules)
    {
        foreach (var rule in rules)
        {
            rule.CheckExamples();
        }

        Rules = rules;
    }

    /// <summary>The rules in force.</summary>
    public IReadOnlyList<PolicyRule> Rules { get; }

    /// <summary>What holds when nobody configured anything: what stays in the workspace goes, what cannot be undone is asked, the open world is closed.</summary>
    public static IReadOnlyList<PolicyRule> Default { get; } =
    [
        new("workspace-files", "files.*", Verdict.Allow, "stays in the run's own workspace") { Fits = ["files.read", "files.write"], DoesNotFit = ["shell.run"] },
        new("deletions", "files.delete", Verdict.Ask, "a deleted file cannot be had back") { Fits = ["files.delete"], DoesNotFit = ["files.write"] },
        new("documents", "documents.*", Verdict.Allow, "reads and writes documents of the run's own workspace") { Fits = ["documents.to_markdown"], DoesNotFit = ["files.read"] },
        new("checks", "checks.*", Verdict.Allow, "only looks") { Fits = ["checks.verify"], DoesNotFit = ["shell.run"] },
        new("confined-shell", "shell.run", Verdict.Allow, "runs confined: no network, no secrets, only the workspace to write to, bounded in time, memory and processes")
        {
            Fits = ["shell.run"], DoesNotFit = ["files.read"],
        },
    ];

    public VerdictView Decide(ToolSpec tool, string role)
    {
        ArgumentNullException.ThrowIfNull(tool);
        var speaking = Rules.Where(rule => rule.IsAbout(tool.FullName, role)).ToList();
        if (speaking.Count == 0)
        {
            return new VerdictView(Verdict.Deny, "default", $"no rule allows '{tool.FullName}' for the role '{role}'");
        }

        var strictest = speaking.MaxBy(rule => rule.Verdict)!;
        return new VerdictView(strictest.Verdict, strictest.Name, strictest.Because);
    }
}
