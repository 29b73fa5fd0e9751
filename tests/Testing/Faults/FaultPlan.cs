namespace AgentPlatform.Testing.Faults;

/// <summary>How often a proxy misbehaves, per piece that passes; the seed makes it the same again, as far as the pieces arrive the same again.</summary>
/// <param name="Seed">Of the choices.</param>
public sealed record FaultPlan(int Seed)
{
    /// <summary>The connection is reset.</summary>
    public double Cut { get; init; }

    /// <summary>The piece, and all behind it, waits up to <see cref="DelayMax"/>.</summary>
    public double Delay { get; init; }

    public TimeSpan DelayMax { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>A message passes twice; needs a protocol whose messages are known.</summary>
    public double Repeat { get; init; }

    /// <summary>A message passes after the one behind it; needs a protocol whose messages are known.</summary>
    public double Swap { get; init; }

    public static FaultPlan None { get; } = new(0);
}
