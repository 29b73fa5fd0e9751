using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ToolGateway.Secrets;

/// <summary>What became of a secret. Its value is no fact: it lies sealed beside the stream and is gone when it is removed.</summary>
public abstract record SecretEvent
{
    private SecretEvent()
    {
    }

    /// <summary>Somebody gave it a value.</summary>
    [StoredAs("secret-set.1")]
    public sealed record Set(string Name, string Fingerprint, string By, DateTimeOffset At) : SecretEvent;

    /// <summary>Somebody removed it.</summary>
    [StoredAs("secret-removed.1")]
    public sealed record Removed(string Name, string By, DateTimeOffset At) : SecretEvent;
}

/// <summary>A secret as its stream tells it.</summary>
/// <param name="Name">Its name; null for one that never was.</param>
/// <param name="Known">What may be shown; null when there is none any more.</param>
public sealed record SecretState(string? Name, SecretView? Known)
{
    /// <summary>The list of secrets.</summary>
    public const string List = "secrets";

    /// <summary>Tag of those that exist.</summary>
    public const string Present = "present";

    /// <summary>The kind of stream.</summary>
    public static StreamKind<SecretState, SecretEvent> Kind { get; } = new("secret", new SecretState(null, null), Evolve, Row);

    private static SecretState Evolve(SecretState state, SecretEvent fact) => fact switch
    {
        SecretEvent.Set set => new SecretState(set.Name, new SecretView(set.Name, set.Fingerprint, set.By, set.At)),
        SecretEvent.Removed removed => new SecretState(removed.Name, null),
        _ => state,
    };

    private static ViewRow? Row(SecretState state) => state.Name is { } name ? new ViewRow(List, name, name, state.Known is null ? "removed" : Present, state) : null;
}
