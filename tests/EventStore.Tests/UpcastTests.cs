using System.Text.Json;
using AgentPlatform.EventStore.Tests.Marten;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.EventStore.Tests;

public sealed class UpcastTests(Servers servers)
{
    // Text with a unit, then a number under another name, then a plain rename: three shapes before today's.
    private static readonly Upcast[] Raised =
    [
        Upcast.Reshaped("counter-lifted.1", "counter-lifted.2", json => json["Height"] = int.Parse(((string)json["Height"]!).Split(' ')[0])),
        Upcast.Reshaped("counter-lifted.2", "counter-raised.0", json =>
        {
            json["By"] = json["Height"]!.DeepClone();
            json.Remove("Height");
        }),
        Upcast.Renamed("counter-raised.0", "counter-raised.1"),
        Upcast.To("counter-christened.1", json => new CounterEvent.Opened(json.GetProperty("First").GetString() + json.GetProperty("Last").GetString())),
        Upcast.Renamed("counter-named.1", "counter-christened.1"),
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string, Upcast[]> Wrong => new()
    {
        { "The upcast from 'counter-raised.1' would never be used", [Upcast.Renamed("counter-raised.1", "counter-opened.1")] },
        { "Two upcasts begin at 'a'", [Upcast.Renamed("a", "counter-opened.1"), Upcast.Renamed("a", "counter-raised.1")] },
        { "The upcast from 'b' leads to 'c', which is neither", [Upcast.Renamed("a", "b"), Upcast.Renamed("b", "c")] },
        { "The upcast from 'a' leads round in a circle", [Upcast.Renamed("a", "b"), Upcast.Renamed("b", "a")] },
        { "makes System.String, which is no event of this store", [Upcast.To("a", json => json.ToString())] },
    };

    [Fact]
    public async Task Events_of_every_earlier_shape_fold_into_the_state_of_today()
    {
        await using var db = await CounterStore.Empty(servers);
        var marten = new MartenWriter(db.Database);
        await marten.Append(
            "counter-ab",
            new MartenEvent("counter-named.1", """{"First":"a","Last":"b"}"""),
            new MartenEvent("counter-lifted.1", """{"Height":"5 m"}"""),
            new MartenEvent("counter-lifted.2", """{"Height":6}"""),
            new MartenEvent("counter-raised.0", """{"By":7}"""),
            MartenEvent.Raised(8));
        var store = new PostgresEventStore(
            db.Database, EventTypes.Of(Raised, typeof(CounterEvent)), new EventStoreOptions(), JsonSerializerOptions.Web, new StoreSignal(db.Database, new EventStoreOptions(), NullLogger<StoreSignal>.Instance), TimeProvider.System);

        await AppendTests.Raise(store, "ab", 1);

        Assert.Equal((new Counter("ab", 27), 6L), await store.Aggregate(Counter.Kind, "ab", Ct));
        Assert.Equal(
            [new CounterEvent.Opened("ab"), .. new[] { 5, 6, 7, 8, 1 }.Select(by => (CounterEvent)new CounterEvent.Raised(by))],
            (await AppendTests.All(store)).Select(store.Open));
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Upcasts_that_cannot_work_stop_the_start(string why, Upcast[] upcasts) =>
        Assert.Contains(why, Assert.Throws<InvalidOperationException>(() => EventTypes.Of(upcasts, typeof(CounterEvent))).Message, StringComparison.Ordinal);
}
