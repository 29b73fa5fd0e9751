using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ToolGateway.Grants;

/// <summary>What became of a grant.</summary>
public abstract record GrantEvent
{
    private GrantEvent()
    {
    }

    /// <summary>Somebody gave leave.</summary>
    [StoredAs("grant-given.1")]
    public sealed record Given(GrantId Id, GrantScope Scope, string Because, string By, DateTimeOffset At, DateTimeOffset? ExpiresAt, int? UsesMax, GrantId? Parent) : GrantEvent;

    /// <summary>A call went through by it, or by a part of it.</summary>
    [StoredAs("grant-used.1")]
    public sealed record Used(InvocationId Invocation, DateTimeOffset At) : GrantEvent;

    /// <summary>Somebody took it back.</summary>
    [StoredAs("grant-revoked.1")]
    public sealed record Revoked(string By, DateTimeOffset At) : GrantEvent;

    /// <summary>Somebody noticed that its time is over.</summary>
    [StoredAs("grant-expired.1")]
    public sealed record Expired(DateTimeOffset At) : GrantEvent;
}

/// <summary>Leave to make certain calls.</summary>
/// <param name="Known">How it was given; null for one that does not exist.</param>
/// <param name="Uses">How many calls it let through.</param>
/// <param name="Revoked">Set when it was taken back.</param>
/// <param name="IsOver">Its time is over, and somebody noticed.</param>
public sealed record Grant(GrantEvent.Given? Known, int Uses, GrantEvent.Revoked? Revoked, bool IsOver)
{
    /// <summary>The list of grants, tagged with their state.</summary>
    public const string List = "grants";

    /// <summary>The kind of stream.</summary>
    public static StreamKind<Grant, GrantEvent> Kind { get; } = new("grant", new Grant(null, 0, null, false), Evolve, Row);

    public GrantState State(DateTimeOffset now) =>
        Revoked is not null ? GrantState.Revoked
        : Known!.UsesMax <= Uses ? GrantState.UsedUp
        : IsOver || Known.ExpiresAt <= now ? GrantState.Expired
        : GrantState.Active;

    public GrantView View(DateTimeOffset now) =>
        new(Known!.Id, State(now), Known.Scope, Known.Because, Known.By, Known.At, Known.ExpiresAt, Known.UsesMax, Uses, Known.Parent, Revoked?.By);

    public static string Tag(GrantState state) => state.ToString().ToLowerInvariant();

    private static Grant Evolve(Grant grant, GrantEvent fact) => fact switch
    {
        GrantEvent.Given given => grant with { Known = given },
        GrantEvent.Used => grant with { Uses = grant.Uses + 1 },
        GrantEvent.Revoked revoked => grant with { Revoked = revoked },
        GrantEvent.Expired => grant with { IsOver = true },
        _ => grant,
    };

    private static ViewRow? Row(Grant grant) => grant.Known is { } known
        ? new ViewRow(List, known.Id.ToString(), known.At.UtcDateTime.ToString("O"), Tag(grant.State(DateTimeOffset.MinValue)), grant)
        : null;
}
