using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>
/// Says allow, ask or deny for a call: every rule that is about it speaks, the strictest wins; where no rule of the policy speaks, the answer is deny. The rails
/// (<c>rails.yaml</c>) speak before any policy and only tighten.
/// </summary>
public sealed class PolicyEngine
{
    /// <summary>Named where no rule spoke.</summary>
    public const string Default = "default";

    private static readonly CompiledRule[] Rails = [.. ReadPolicy.Shipped("rails.yaml").Rules.Select(rule => new CompiledRule(rule))];

    private readonly CompiledRule[] _rules;

    /// <exception cref="InvalidPolicyException">Says everything that is wrong.</exception>
    public PolicyEngine(IReadOnlyList<PolicyRule> rules)
    {
        var errors = new List<string>();
        var compiled = new List<CompiledRule>();
        foreach (var rule in rules)
        {
            try
            {
                compiled.Add(new CompiledRule(rule));
            }
            catch (InvalidPolicyException e)
            {
                errors.AddRange(e.Errors);
            }
        }

        errors.AddRange(rules.GroupBy(r => r.Name).Where(g => g.Count() > 1).Select(g => $"rule '{g.Key}' stands there {g.Count()} times; a verdict names one rule"));
        errors.AddRange(rules.Where(r => r.Name == Default).Select(_ => $"rule '{Default}' has the name of what holds where no rule speaks, which a grant may open; give it another"));
        errors.AddRange(Rails.Where(rail => rules.Any(r => r.Name == rail.Rule.Name)).Select(rail => $"rule '{rail.Rule.Name}' has the name of a rail; rails cannot be replaced"));
        _rules = errors.Count == 0 ? [.. compiled] : throw new InvalidPolicyException(errors);
    }

    /// <summary>What holds when nobody configured anything.</summary>
    public static PolicyDocument Shipped { get; } = ReadPolicy.Shipped("default.yaml");

    /// <summary>The rules in force, rails first.</summary>
    public IEnumerable<PolicyRule> Rules => Rails.Concat(_rules).Select(r => r.Rule);

    public VerdictView Decide(PolicyCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var (strictest, allowed) = (default(PolicyRule), false);
        foreach (var rail in Rails)
        {
            Hear(rail);
        }

        foreach (var rule in _rules)
        {
            allowed |= Hear(rule);
        }

        return allowed || strictest is { Verdict: Verdict.Deny }
            ? new VerdictView(strictest!.Verdict, strictest.Name, strictest.Because)
            : new VerdictView(Verdict.Deny, Default, $"no rule allows '{call.Tool}' for the role '{call.Role}'");

        bool Hear(CompiledRule rule)
        {
            if (rule.WhyNot(call) is not null)
            {
                return false;
            }

            // The first among equals, so that the order of the rules says which one is named.
            strictest = strictest is null || rule.Rule.Verdict > strictest.Verdict ? rule.Rule : strictest;
            return true;
        }
    }

    /// <summary>How to ask about a call: what all rules that want it asked say of that, taken together.</summary>
    public AskTerms Terms(PolicyCall call) => Rails.Concat(_rules).Where(rule => rule.Rule is { Verdict: Verdict.Ask, Asking: not null } && rule.WhyNot(call) is null)
        .Aggregate(new AskTerms(), (terms, rule) => terms.And(rule.Rule.Asking!));

    /// <summary>
    /// Whether a call of this tool, with some arguments, could be let through by the policy: true if a rule could, false if only a grant could, null if a rule denies
    /// every call of it.
    /// </summary>
    internal bool? Hope(PolicyCall call)
    {
        var about = _rules.Where(rule => rule.IsAbout(call)).Select(rule => rule.Rule).ToArray();
        return about.Any(static rule => rule is { Verdict: Verdict.Deny, Arguments: null, Command: null, Paths: null, Hosts: null, Hours: null, Tainted: null }) ? null : about.Any(rule => rule.Verdict != Verdict.Deny);
    }

    /// <summary>What each rule has to say, and the first condition that keeps it silent.</summary>
    public IReadOnlyList<RuleExplanation> Explain(PolicyCall call) =>
        [.. Rails.Select(rule => (rule, true)).Concat(_rules.Select(rule => (rule, false))).Select(r => new RuleExplanation(r.rule.Rule.Name, r.rule.Rule.Verdict, r.Item2, r.rule.WhyNot(call)))];
}
