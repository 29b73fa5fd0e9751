using System.Text.Json;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.EventStore.Tests.Marten;

/// <summary>What we write has everything that Marten asks of another writer, or it would read defaults without an error.</summary>
public sealed class OurRowsTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Our_rows_hold_what_Marten_reads()
    {
        var clock = new StoppedClock();
        await using var db = await CounterStore.Empty(servers);
        var store = new PostgresEventStore(
            db.Database, EventTypes.Of(typeof(OrderEvent)), new EventStoreOptions(), JsonSerializerOptions.Web, new StoreSignal(db.Database, new EventStoreOptions(), NullLogger<StoreSignal>.Instance), clock);
        var kind = new StreamKind<Order, OrderEvent>("order", new Order(0), (order, _) => new Order(order.Lines + 1));
        foreach (var count in new[] { 2, 1 })
        {
            var session = store.Open();
            (session.CorrelationId, session.CausationId) = ("run", "cause");
            var stream = await session.FetchForWriting(kind, "1", Ct);
            stream.Append([.. Enumerable.Repeat(new OrderEvent.Placed("N-1", Size.Large, [new Line(2, Size.Small)]), count)]);
            session.Append("other", ExpectedVersion.Any, new OrderEvent.Placed("N-2", Size.Small, []));
            await session.SaveChanges(Ct);
        }

        await store.Import([new StreamImport("order-2", ExpectedVersion.NoStream, [new OrderEvent.Placed("N-2", Size.Small, [])]) { Kind = "order" }], "run", "cause", Ct);

        Assert.Equal(
            [
                "order-1 order 3 2026-01-02T12:00:00 *DEFAULT* false",
                "order-2 order 1 2026-01-02T12:00:00 *DEFAULT* false",
                "other NULL 2 2026-01-02T12:00:00 *DEFAULT* false",
            ],
            await Lines(db, "select concat_ws(' ', id, coalesce(type, 'NULL'), version, to_char(timestamp at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS'), tenant_id, case when is_archived then 'true' else 'false' end) from mt_streams order by id"));

        // Whole numbers, names as .NET has them, no headers: no request was going on.
        const string dotnet = "AgentPlatform.EventStore.Tests.Marten.OurRowsTests+OrderEvent+Placed, AgentPlatform.EventStore.Tests";
        const string first = """{"Size": 1, "Lines": [{"Size": 0, "Count": 2}], "Number": "N-1"}""";
        const string second = """{"Size": 0, "Lines": [], "Number": "N-2"}""";
        Assert.Equal(
            [
                $"1 order-1 1 {first} order-placed.1 2026-01-02T12:00:00 *DEFAULT* {dotnet} run cause false",
                $"2 order-1 2 {first} order-placed.1 2026-01-02T12:00:00 *DEFAULT* {dotnet} run cause false",
                $"3 other 1 {second} order-placed.1 2026-01-02T12:00:00 *DEFAULT* {dotnet} run cause false",
                $"4 order-1 3 {first} order-placed.1 2026-01-02T12:00:00 *DEFAULT* {dotnet} run cause false",
                $"5 other 2 {second} order-placed.1 2026-01-02T12:00:00 *DEFAULT* {dotnet} run cause false",
                $"6 order-2 1 {second} order-placed.1 2026-01-02T12:00:00 *DEFAULT* {dotnet} run cause false",
            ],
            await Lines(db,
                """
                select concat_ws(' ', seq_id, stream_id, version, data, bdata, type, to_char(timestamp at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS'), tenant_id, mt_dotnet_type,
                    correlation_id, causation_id, headers, case when is_archived then 'true' when not is_archived then 'false' end)
                from mt_events order by seq_id
                """));
    }

    private static async Task<List<string>> Lines(CounterStore db, string sql)
    {
        await using var command = db.Database.CreateCommand(sql);
        var lines = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Ct);
        while (await reader.ReadAsync(Ct))
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }

    public enum Size
    {
        Small,
        Large,
    }

    public sealed record Line(int Count, Size Size);

    public sealed record Order(int Lines);

    public abstract record OrderEvent
    {
        private OrderEvent()
        {
        }

        [StoredAs("order-placed.1")]
        public sealed record Placed(string Number, Size Size, Line[] Lines) : OrderEvent;
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);
    }
}
