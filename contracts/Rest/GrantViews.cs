namespace AgentPlatform.Contracts;

/// <summary>Which calls a grant is good for: every part that is there must hold.</summary>
/// <param name="Tools">Names or patterns, such as <c>files.*</c>; one must fit.</param>
/// <param name="Principals">Callers or patterns, such as <c>run/*</c>; all when absent.</param>
/// <param name="Roles">Worker roles or patterns; all when absent.</param>
/// <param name="Run">Only calls of this run.</param>
/// <param name="Task">Only calls of this task of that run.</param>
/// <param name="Paths">Every text argument must be a path that fits one of these: <c>*</c> within a folder, <c>**</c> across folders.</param>
/// <param name="Hosts">There is an address in the arguments, and the host of every one fits one of these patterns.</param>
/// <param name="Tainted">Good, too, where content from outside has come in before.</param>
public sealed record GrantScope(
    string[] Tools, string[]? Principals = null, string[]? Roles = null, RunId? Run = null, string? Task = null, string[]? Paths = null, string[]? Hosts = null, bool Tainted = false);

/// <summary>Gives leave for calls that policy would ask about, or that no rule allows. What a rule denies stays denied.</summary>
/// <param name="Scope">Which calls.</param>
/// <param name="Because">For the record.</param>
/// <param name="ExpiresAt">When it ends; never when absent.</param>
/// <param name="UsesMax">How many calls it is good for; any number when absent.</param>
/// <param name="Parent">The grant that this one is a part of: it may be no wider, and each use counts for both.</param>
public sealed record GiveGrantRequest(GrantScope Scope, string Because, DateTimeOffset? ExpiresAt = null, int? UsesMax = null, GrantId? Parent = null);

/// <summary>Whether a grant is good.</summary>
public enum GrantState
{
    /// <summary>It is.</summary>
    Active,

    /// <summary>Its time is over.</summary>
    Expired,

    /// <summary>It has been used as often as it was good for.</summary>
    UsedUp,

    /// <summary>Somebody took it back.</summary>
    Revoked,
}

/// <summary>A grant.</summary>
/// <param name="Id">The grant.</param>
/// <param name="State">Whether it is good; one whose parent is not is of no use either.</param>
/// <param name="Scope">Which calls.</param>
/// <param name="Because">Why it was given.</param>
/// <param name="GivenBy">By whom.</param>
/// <param name="GivenAt">When.</param>
/// <param name="ExpiresAt">When it ends.</param>
/// <param name="UsesMax">How many calls it is good for.</param>
/// <param name="Uses">How many there were.</param>
/// <param name="Parent">The grant that it is a part of.</param>
/// <param name="RevokedBy">Who took it back.</param>
public sealed record GrantView(
    GrantId Id, GrantState State, GrantScope Scope, string Because, string GivenBy, DateTimeOffset GivenAt, DateTimeOffset? ExpiresAt, int? UsesMax, int Uses, GrantId? Parent, string? RevokedBy);
