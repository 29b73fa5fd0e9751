using System.IO.Enumeration;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Settings;

namespace AgentPlatform.ModelFabric.Policies;

/// <summary>What is taken out of a request before it leaves.</summary>
/// <param name="Name">What stands in its place: <c>[name]</c>.</param>
/// <param name="Pattern">A regular expression without back references, so that it takes no longer than the text is long.</param>
public sealed record RedactionRule(string Name, string Pattern);

/// <summary>What becomes of requests with parts that are no text.</summary>
public enum MediaRule
{
    Allow,
    LocalOnly,
    Refuse,
}

/// <summary>What holds for some calls beside routes and budgets. Of several that fit a call all hold.</summary>
/// <param name="Name">What a refusal calls it.</param>
/// <param name="Principal">Whose calls; null for everybody's.</param>
/// <param name="Models"><c>provider/model</c> or a route's name, with <c>*</c> for any part; null for all.</param>
/// <param name="Hosts">Where calls may go when they leave this machine, with <c>*</c> for any part; null for anywhere, empty for nowhere.</param>
/// <param name="Redact">What is taken out of requests that leave this machine.</param>
/// <param name="AlsoOnThisMachine">Hosts and redaction hold for providers on this machine too, which may pass requests on.</param>
/// <param name="KeepTexts">Requests and answers are kept, sealed; <c>replay/MODEL</c> answers from them.</param>
/// <param name="CacheSeconds">The same request of the same principal gets the same answer for so long.</param>
/// <param name="Media">Where requests with images, documents or sound may go; when not said they go wherever nothing is taken out of texts.</param>
public sealed partial record CallPolicy(
    string Name, string? Principal = null, string? Models = null, string[]? Hosts = null, RedactionRule[]? Redact = null, bool AlsoOnThisMachine = false, bool KeepTexts = false, int? CacheSeconds = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] MediaRule? Media = null) : ISetting
{
    /// <summary>Whether a request with images, documents or sound may go to a provider.</summary>
    /// <param name="isLocal">The provider is on this machine.</param>
    public bool AllowsMedia(bool isLocal) => Media switch
    {
        MediaRule.Allow => true,
        MediaRule.Refuse => false,
        MediaRule.LocalOnly => isLocal,
        // Nobody can look for texts in them: where texts are taken out they stay, unless the policy says otherwise.
        _ => Redact is not { Length: > 0 } || isLocal && !AlsoOnThisMachine,
    };

    public bool Fits(string principal, params ReadOnlySpan<string> models)
    {
        if (Principal is not null && Principal != principal)
        {
            return false;
        }
        foreach (var model in models)
        {
            if (Models is null || FileSystemName.MatchesSimpleExpression(Models, model, ignoreCase: false))
            {
                return true;
            }
        }
        return false;
    }

    public bool Allows(string host) => Hosts is null || Hosts.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, host, ignoreCase: true));

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,39}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    public static partial Regex NamePattern();
}

/// <summary>What can happen to a policy.</summary>
public abstract record PolicyEvent
{
    private PolicyEvent()
    {
    }

    [StoredAs("call-policy-set.1")]
    public sealed record PolicySet(
        string Name, string? Principal, string? Models, string[]? Hosts, RedactionRule[]? Redact, bool AlsoOnThisMachine, bool KeepTexts, int? CacheSeconds, string By,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Media = null) : PolicyEvent
    {
        public static PolicyEvent From(CallPolicy policy, string by) =>
            new PolicySet(policy.Name, policy.Principal, policy.Models, policy.Hosts, policy.Redact, policy.AlsoOnThisMachine, policy.KeepTexts, policy.CacheSeconds, by, policy.Media?.ToString());

        public CallPolicy ToPolicy() => new(Name, Principal, Models, Hosts, Redact, AlsoOnThisMachine, KeepTexts, CacheSeconds, Media is null ? null : Enum.Parse<MediaRule>(Media));
    }

    [StoredAs("call-policy-removed.1")]
    public sealed record PolicyRemoved(string Name, string By) : PolicyEvent;
}

public static class PolicyStreams
{
    public const string ViewKind = "call-policies";

    public static readonly StreamKind<SettingState<CallPolicy>, PolicyEvent> Stream =
        new("call-policy", new SettingState<CallPolicy>.Absent(Name: null), Evolve, SettingKind<CallPolicy, PolicyEvent>.View(ViewKind));

    public static readonly SettingKind<CallPolicy, PolicyEvent> Kind = new(ViewKind, Stream, PolicyEvent.PolicySet.From, static (name, by) => new PolicyEvent.PolicyRemoved(name, by));

    public static SettingState<CallPolicy> Evolve(SettingState<CallPolicy> state, PolicyEvent fact) => fact switch
    {
        PolicyEvent.PolicySet f => new SettingState<CallPolicy>.Present(f.ToPolicy()),
        PolicyEvent.PolicyRemoved f => new SettingState<CallPolicy>.Absent(f.Name),
        _ => state,
    };
}
