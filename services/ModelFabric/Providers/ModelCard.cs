namespace AgentPlatform.ModelFabric.Providers;

/// <summary>What the owner knows of one of a provider's models. What is not said is not known: a capability counts as there, a window as endless.</summary>
public sealed record ModelCard
{
    public required string Model { get; init; }

    /// <summary>The most tokens that question and answer may have together.</summary>
    public long? ContextTokensMax { get; init; }

    public bool? Tools { get; init; }
    public bool? Vision { get; init; }
    public bool? JsonSchema { get; init; }

    /// <summary>What it costs, each from a day on.</summary>
    public ModelPrice[] Prices { get; init; } = [];

    public ModelPrice? PriceOn(DateOnly day) => Prices.Where(price => price.From <= day).MaxBy(price => price.From);

    /// <summary>What is wrong with a list of cards; null when nothing is.</summary>
    public static string? Flaw(IReadOnlyList<ModelCard> cards, int max) =>
        cards.Count > max ? $"cards holds at most {max} models."
        : cards.Any(card => card?.Model is not { Length: > 0 and <= 200 }) ? "Each of cards names a 'model' of 1 to 200 characters."
        : cards.DistinctBy(card => card.Model).Count() < cards.Count ? "cards names a model twice."
        : cards.FirstOrDefault(card => card.ContextTokensMax is <= 0) is { } narrow ? $"contextTokensMax of '{narrow.Model}' must be positive."
        : cards.FirstOrDefault(card => card.Prices is null || card.Prices.Any(price => price is null || price.IsWrong) || card.Prices.DistinctBy(price => price.From).Count() < card.Prices.Length) is { } priced
            ? $"The prices of '{priced.Model}' must not be negative or above {ModelPrice.Max}, and only one may begin on a day."
        : null;
}

/// <summary>Money per million tokens, in the one currency the owner reckons in.</summary>
public sealed record ModelPrice
{
    public const decimal Max = 1_000_000m;
    private const decimal Million = 1_000_000m;

    /// <summary>The first day (UTC) it holds.</summary>
    public DateOnly From { get; init; }

    public decimal Input { get; init; }
    public decimal Output { get; init; }

    /// <summary>Of tokens the provider read from its cache; like all input when not said.</summary>
    public decimal? CachedInput { get; init; }

    /// <summary>Of tokens the provider wrote to its cache; like all input when not said.</summary>
    public decimal? CacheWrite { get; init; }

    internal bool IsWrong => new[] { Input, Output, CachedInput ?? 0, CacheWrite ?? 0 }.Any(money => money is < 0 or > Max);

    public decimal Cost(long input, long output, long cacheRead = 0, long cacheWrite = 0) =>
        (Math.Max(0, input - cacheRead - cacheWrite) * Input + cacheRead * (CachedInput ?? Input) + cacheWrite * (CacheWrite ?? Input) + output * Output) / Million;
}
