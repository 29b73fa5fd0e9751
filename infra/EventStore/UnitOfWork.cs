using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>An event as it goes to the database.</summary>
internal readonly record struct NewEvent(Guid Id, string Type, string DotnetType, string Json);

/// <summary>Events for one stream.</summary>
internal sealed record StreamAppend(string Stream, string? Type, ExpectedVersion Expected, IReadOnlyList<NewEvent> Events);

/// <summary>What one session wants stored, together or not at all.</summary>
internal sealed class UnitOfWork
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>At most one per stream.</summary>
    public required IReadOnlyList<StreamAppend> Appends { get; init; }

    /// <summary>Run before positions are drawn: what they refuse leaves no hole.</summary>
    public required IReadOnlyList<NpgsqlBatchCommand> Guards { get; init; }

    /// <summary>Run after the events are in.</summary>
    public required IReadOnlyList<NpgsqlBatchCommand> Others { get; init; }

    public string? CorrelationId { get; init; }

    public string? CausationId { get; init; }

    public string? Headers { get; init; }

    public int Events => Appends.Sum(a => a.Events.Count);

    public long Characters => Appends.Sum(a => a.Events.Sum(e => (long)e.Json.Length));

    /// <summary>Completes when it is stored, or with the reason why it is not.</summary>
    public Task Ended => _ended.Task;

    public void Stored() => _ended.TrySetResult();

    public void Failed(Exception why) => _ended.TrySetException(why);
}
