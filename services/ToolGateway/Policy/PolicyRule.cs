using System.Text.Json;
using System.Text.Json.Serialization;
using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>A policy as its author wrote it: <c>contracts/schemas/policy.schema.json</c> is the form.</summary>
/// <param name="Rules">In any order; the strictest that speaks wins.</param>
public sealed record PolicyDocument(PolicyRule[] Rules);

/// <summary>One rule: which calls it is about, what it says, and why. It is about a call when every condition that it has holds.</summary>
public sealed record PolicyRule
{
    /// <summary>Unique; named in every verdict.</summary>
    public required string Name { get; init; }

    /// <summary>Names or patterns, such as <c>files.*</c>; one must fit.</summary>
    public required string[] Tools { get; init; }

    /// <summary>What it says.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The reason that people get to read.</summary>
    public required string Because { get; init; }

    /// <summary>Worker roles or patterns; all when absent.</summary>
    public string[]? Roles { get; init; }

    /// <summary>Callers or patterns, such as <c>run/*</c>; all when absent.</summary>
    public string[]? Principals { get; init; }

    /// <summary>The tool has at least one of these traits.</summary>
    public Risk[]? Risk { get; init; }

    /// <summary>Each must hold.</summary>
    public ArgumentTest[]? Arguments { get; init; }

    /// <summary>
    /// Regular expression that is found in a command line among the arguments: what is named argv, args, cmd, command, code, script or stdin, an array joined by blanks.
    /// Without look-around and back-references.
    /// </summary>
    public string? Command { get; init; }

    /// <summary>A path in the arguments fits one of these patterns: <c>*</c> within a folder, <c>**</c> across folders.</summary>
    public string[]? Paths { get; init; }

    /// <summary>The host of an address in the arguments fits one of these patterns.</summary>
    public string[]? Hosts { get; init; }

    /// <summary>Only at these times.</summary>
    public HoursTest? Hours { get; init; }

    /// <summary>Only where content from outside was read before, or only where none was.</summary>
    public bool? Tainted { get; init; }

    /// <summary>With the verdict ask: who must say yes, and by when.</summary>
    public AskTerms? Asking { get; init; }

    /// <summary>Calls that the rule must and must not be about; checked whenever it is loaded.</summary>
    public RuleExamples? Examples { get; init; }
}

/// <summary>How a human is asked.</summary>
public sealed record AskTerms
{
    /// <summary>Different principals that must say yes, 1 to 10.</summary>
    public int Approvals { get; init; } = 1;

    /// <summary>Seconds after which silence becomes a no; never when absent.</summary>
    public int? ExpiresSeconds { get; init; }

    /// <summary>Seconds after which only an owner may answer; never when absent.</summary>
    public int? EscalatesSeconds { get; init; }

    /// <summary>What holds where both hold: the more people, the sooner.</summary>
    internal AskTerms And(AskTerms other) => new()
    {
        Approvals = Math.Max(Approvals, other.Approvals),
        ExpiresSeconds = Sooner(ExpiresSeconds, other.ExpiresSeconds),
        EscalatesSeconds = Sooner(EscalatesSeconds, other.EscalatesSeconds),
    };

    private static int? Sooner(int? one, int? other) => one is null || other < one ? other : one;
}

/// <summary>What a tool is capable of, by its annotations.</summary>
public enum Risk
{
    /// <summary>Changes nothing.</summary>
    ReadOnly,

    /// <summary>Twice is as good as once.</summary>
    Idempotent,

    /// <summary>May remove or overwrite what cannot be had back.</summary>
    Destructive,

    /// <summary>Reaches beyond the workspace.</summary>
    OpenWorld,
}

/// <summary>A test of one argument: exactly one of <see cref="Matches"/> and <see cref="Equal"/>.</summary>
public sealed record ArgumentTest
{
    /// <summary>JSONPath (Goessner) into the arguments; one of the values it finds must hold.</summary>
    public required string At { get; init; }

    /// <summary>Regular expression that is found somewhere in the value; without look-around and back-references, so that it always ends.</summary>
    public string? Matches { get; init; }

    /// <summary>The value is one of these.</summary>
    [JsonPropertyName("equals")]
    public JsonElement[]? Equal { get; init; }
}

/// <summary>A part of the week.</summary>
public sealed record HoursTest
{
    /// <summary>HH:mm, included.</summary>
    public required string From { get; init; }

    /// <summary>HH:mm, excluded; earlier than <see cref="From"/> means past midnight.</summary>
    public required string To { get; init; }

    /// <summary>On these days; all when absent.</summary>
    public DayOfWeek[]? Days { get; init; }

    /// <summary>IANA time zone.</summary>
    public string Zone { get; init; } = "UTC";
}

/// <summary>What a rule promises about itself.</summary>
public sealed record RuleExamples
{
    /// <summary>The rule is about these.</summary>
    public ExampleCall[] Fits { get; init; } = [];

    /// <summary>And not about these.</summary>
    public ExampleCall[] DoesNotFit { get; init; } = [];
}

/// <summary>A call, as far as an example needs it.</summary>
public sealed record ExampleCall
{
    public required string Tool { get; init; }

    public JsonElement? Arguments { get; init; }

    public string Role { get; init; } = "developer";

    public string Principal { get; init; } = "run/example";

    public Risk[] Risk { get; init; } = [];

    public bool Tainted { get; init; }

    public DateTimeOffset At { get; init; } = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
}
