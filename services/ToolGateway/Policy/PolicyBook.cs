using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>What became of the platform's policy.</summary>
public abstract record PolicyEvent
{
    private PolicyEvent()
    {
    }

    /// <summary>Somebody set the policy, as a whole.</summary>
    [StoredAs("policy-set.1")]
    public sealed record Set(string Text, string Sha256, string By, DateTimeOffset At) : PolicyEvent;
}

/// <summary>The policy in force: the last one that was set, or the one that is part of the build.</summary>
public sealed record PolicyInForce(string Text, string Sha256, string By, DateTimeOffset? At)
{
    /// <summary>The one policy of this platform.</summary>
    public const string Id = "platform";

    /// <summary>The kind of stream.</summary>
    public static StreamKind<PolicyInForce, PolicyEvent> Kind { get; } = new("policy", Initial(), (policy, fact) => fact is PolicyEvent.Set set ? new(set.Text, set.Sha256, set.By, set.At) : policy);

    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static PolicyInForce Initial()
    {
        var text = ReadPolicy.ShippedText("default.yaml");
        return new PolicyInForce(text, Hash(text), "agentplatform", At: null);
    }
}

/// <summary>Keeps the policy as events, one version after the other, and the rules of the newest ready. Every replica sees a new version with the next call it decides.</summary>
/// <param name="store">The events.</param>
/// <param name="writer">Appends versions.</param>
/// <param name="time">The clock.</param>
public sealed class PolicyBook(IEventStore store, DecisionWriter writer, TimeProvider time)
{
    private volatile Version? _newest;

    /// <summary>A version, ready to be asked.</summary>
    /// <param name="Number">0 for the one that is part of the build.</param>
    /// <param name="Policy">Its text, and who set it.</param>
    /// <param name="Engine">Its rules.</param>
    public sealed record Version(long Number, PolicyInForce Policy, PolicyEngine Engine);

    /// <summary>The version in force now.</summary>
    public async Task<Version> Current(CancellationToken ct)
    {
        var (policy, number) = await store.Aggregate(PolicyInForce.Kind, PolicyInForce.Id, ct);
        return _newest is { } newest && newest.Number == number ? newest : _newest = new Version(number, policy, Compile(policy.Text));
    }

    /// <summary>Puts a new version in force; the same text again is no new version.</summary>
    /// <param name="text">YAML.</param>
    /// <param name="by">The principal.</param>
    /// <param name="expected">Only if this version is in force; whichever it is when null.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="InvalidPolicyException">The text is no policy; the one in force stays.</exception>
    /// <exception cref="StreamConflictException">Another version is in force.</exception>
    public async Task<Version> Set(string text, string by, long? expected, CancellationToken ct)
    {
        Compile(text);
        var current = await Current(ct);
        if (expected is { } wanted && wanted != current.Number)
        {
            throw new StreamConflictException($"version {current.Number} of the policy is in force, not {wanted}");
        }

        await writer.Write(
            PolicyInForce.Kind,
            PolicyInForce.Id,
            policy => policy.Sha256 == PolicyInForce.Hash(text) && policy.At is not null ? ([], []) : ([new PolicyEvent.Set(text, PolicyInForce.Hash(text), by, time.GetUtcNow())], []),
            static _ => { },
            ct);
        return await Current(ct);
    }

    private static PolicyEngine Compile(string text) => new(ReadPolicy.From(text).Rules);
}
