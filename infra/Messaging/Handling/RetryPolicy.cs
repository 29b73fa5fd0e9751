namespace AgentPlatform.Messaging;

/// <summary>How often and how soon a failed message is tried again by one handler.</summary>
/// <remarks>Trouble of PostgreSQL or NATS themselves does not count as a try; it is waited out.</remarks>
public sealed record RetryPolicy
{
    /// <summary>Tries at one message before it becomes a dead letter.</summary>
    public int AttemptsMax { get; init; } = 5;

    /// <summary>Pause before the second try; doubled each time.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Upper bound of that pause.</summary>
    public TimeSpan DelayMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Exceptions, with what derives from them, that no other try will mend: the message becomes a dead letter at once.</summary>
    public IReadOnlyList<Type> Never { get; init; } = [];

    /// <summary>Checks the values against each other.</summary>
    /// <param name="whose">Named in the text.</param>
    /// <exception cref="InvalidOperationException">Names the value that cannot be.</exception>
    public void Validate(string whose)
    {
        if (AttemptsMax < 1 || FirstDelay <= TimeSpan.Zero || DelayMax < FirstDelay)
        {
            throw new InvalidOperationException($"The retry policy of {whose} needs AttemptsMax of at least 1, a positive FirstDelay and a DelayMax that is no shorter ({AttemptsMax}, {FirstDelay}, {DelayMax})");
        }

        if (Never.FirstOrDefault(t => !t.IsAssignableTo(typeof(Exception))) is { } stranger)
        {
            throw new InvalidOperationException($"The retry policy of {whose} names {stranger.Name}, which is no exception");
        }
    }

    internal bool IsHopeless(Exception cause) => Never.Any(type => type.IsInstanceOfType(cause));

    internal TimeSpan Delay(int delivered) => TimeSpan.FromTicks(Math.Min(DelayMax.Ticks, FirstDelay.Ticks << Math.Clamp(delivered - 1, 0, 16)));
}
