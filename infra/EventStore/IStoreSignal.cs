namespace AgentPlatform.EventStore;

/// <summary>Wakes readers when something was appended.</summary>
public interface IStoreSignal
{
    /// <summary>Take this before reading, wait on it after a read that found nothing: what is appended in between is not missed.</summary>
    Task Next { get; }

    /// <summary>Waits for <paramref name="next"/>, but no longer than <see cref="EventStoreOptions.PollEvery"/>.</summary>
    /// <param name="next">A value of <see cref="Next"/> taken before the read.</param>
    /// <param name="ct">Cancels the wait.</param>
    Task Wait(Task next, CancellationToken ct);
}
