using AgentPlatform.Testing;

namespace AgentPlatform.EventStore.Tests;

public sealed class AppendTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_that_nobody_registered_is_named()
    {
        await using var db = await CounterStore.Empty(servers);
        await Raise(db.Store, "a", 1);
        await using (var rename = db.Database.CreateCommand("update mt_events set type = 'counter-vanished.1' where version = 2"))
        {
            await rename.ExecuteNonQueryAsync(Ct);
        }

        var unknown = await Assert.ThrowsAsync<UnknownEventTypeException>(() => db.Another().Aggregate(Counter.Kind, "a", Ct));

        Assert.Contains("counter-vanished.1", unknown.Message, StringComparison.Ordinal);
    }

    internal static async Task Raise(IEventStore store, string owner, int by)
    {
        var session = store.Open();
        var stream = await session.FetchForWriting(Counter.Kind, owner, Ct);
        if (stream.Version == 0)
        {
            stream.Append(new CounterEvent.Opened(owner));
        }

        stream.Append(new CounterEvent.Raised(by));
        await session.SaveChanges(Ct);
    }

    internal static async Task<IReadOnlyList<StoredEvent>> All(IEventStore store) => (await store.ReadCommitted(0, 10_000, streams: null, Ct)).Events;
}
