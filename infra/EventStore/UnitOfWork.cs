using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>An event as it goes to the database.</summary>
internal readonly record struct NewEvent(Guid Id, string Type, string DotnetType, string Json);

/// <summary>Events for one stream.</summary>
internal sealed record StreamAppend(string Stream, string? Type, ExpectedVersion Expected, IReadOnlyList<NewEvent> Events)
{
    /// <summary>Null for those of its unit.</summary>
    public string? Headers { get; init; }
}

/// <summary>What one session wants stored, together or not at all.</summary>
internal sealed class UnitOfWork
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>At most one per stream.</summary>
    public required IReadOnlyList<StreamAppend> Appends { get; init; }

    /// <summary>Run before positions are drawn: what they refuse leaves no hole.</summary>
    public required IReadOnlyList<NpgsqlBatchCommand> Guards { get; set; }

    /// <summary>Run after the events are in.</summary>
    public required IReadOnlyList<NpgsqlBatchCommand> Others { get; set; }

    /// <summary>Like the guards, in statements shared with other units.</summary>
    public required IReadOnlyList<SharedRow> SharedGuards { get; init; }

    /// <summary>Like the others, in statements shared with other units.</summary>
    public required IReadOnlyList<SharedRow> Shared { get; init; }

    public string? CorrelationId { get; init; }

    public string? CausationId { get; init; }

    public string? Headers { get; init; }

    public int Events => Appends.Sum(a => a.Events.Count);

    public long Characters => Appends.Sum(a => a.Events.Sum(e => (long)e.Json.Length));

    /// <summary>Completes when it is stored, or with the reason why it is not.</summary>
    public Task Ended => _ended.Task;

    /// <summary>
    /// To be sent a second time, perhaps on another connection: a statement remembers under which name its last connection prepared it, where another
    /// connection knows nothing, or something else, by that name.
    /// </summary>
    public void Renew() => (Guards, Others) = (Copies(Guards), Copies(Others));

    public void Stored() => _ended.TrySetResult();

    public void Failed(Exception why) => _ended.TrySetException(why);

    private static List<NpgsqlBatchCommand> Copies(IReadOnlyList<NpgsqlBatchCommand> commands) =>
    [
        .. commands.Select(command =>
        {
            var copy = new NpgsqlBatchCommand(command.CommandText);
            foreach (NpgsqlParameter parameter in command.Parameters)
            {
                copy.Parameters.Add(parameter.Clone());
            }

            return copy;
        }),
    ];
}
