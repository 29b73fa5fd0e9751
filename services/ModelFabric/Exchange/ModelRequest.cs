using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Exchange;

/// <summary>
/// A request that has left its wire format: what a caller can want of a model, in no provider's words. It exists only while a
/// request is translated; one that reaches a provider of its own format is never taken apart.
/// </summary>
public sealed record ModelRequest
{
    public required Passage Passage { get; init; }
    public required IReadOnlyList<Turn> Turns { get; init; }
    public bool Stream { get; init; }
    public bool IncludeUsage { get; init; }
    public IReadOnlyList<ToolOffer> Tools { get; init; } = [];
    public ToolChoice? Choice { get; init; }
    public bool? ParallelCalls { get; init; }
    public long? TokensMax { get; init; }
    public double? Temperature { get; init; }
    public double? TopP { get; init; }
    public long? TopK { get; init; }
    public IReadOnlyList<string> Stop { get; init; } = [];
    public long? Seed { get; init; }
    public double? PresencePenalty { get; init; }
    public double? FrequencyPenalty { get; init; }
    public string? User { get; init; }
    public ThinkingWish? Thinking { get; init; }
    public AnswerShape? Shape { get; init; }
}

/// <summary>From which format to which: it names both in a refusal, and collects the hints that change a price but no answer.</summary>
public sealed record Passage(string From, string To)
{
    private const int HintsMax = 20;
    private readonly List<string> _hints = [];

    /// <summary>What was left behind because it only advises, such as where to cache a prompt; told in a header of the answer.</summary>
    public IReadOnlyList<string> Hints => _hints;

    public void LeaveHint(string name)
    {
        if (_hints.Count < HintsMax && !_hints.Contains(name))
        {
            _hints.Add(name);
        }
    }

    /// <summary>What one side can say and the other cannot hear is refused by its name, because an answer to half a request looks like an answer.</summary>
    public ModelCallException CannotCarry(string path, string? remedy = null) => ModelCallException.Invalid("not_carried",
        $"'{path}' cannot be carried from {From} to {To}. {remedy ?? "Leave it out, or name a model whose provider speaks " + From + "."}", path);

    /// <summary>Refuses unless the value is the one that asks for nothing.</summary>
    public void Require(bool neutral, string path, string? remedy = null)
    {
        if (!neutral)
        {
            throw CannotCarry(path, remedy);
        }
    }
}

/// <param name="Schema">The JSON schema of the arguments.</param>
/// <param name="Strict">The arguments must fit the schema.</param>
public sealed record ToolOffer(string Name, string? Description, JsonElement? Schema, bool? Strict);

/// <summary>Null means the model decides.</summary>
/// <param name="Mode">Whether tools may, must or must not be called.</param>
/// <param name="Tool">The one that must be called.</param>
public sealed record ToolChoice(ToolMode Mode, string? Tool = null);

public enum ToolMode
{
    Auto,
    None,
    Any,
}

/// <param name="Mode">Off, as the model sees fit, or with a number of tokens.</param>
/// <param name="Effort">none, minimal, low, medium, high, xhigh or max.</param>
/// <param name="TokensMax">At most so many tokens of reasoning.</param>
public sealed record ThinkingWish(ThinkingMode Mode, string? Effort = null, long? TokensMax = null);

public enum ThinkingMode
{
    Unsaid,
    Off,
    Adaptive,
    Bounded,
}

/// <summary>The answer is to be JSON; with a schema, JSON that fits it.</summary>
public sealed record AnswerShape(JsonElement? Schema, string? Name = null, string? Description = null, bool? Strict = null);
