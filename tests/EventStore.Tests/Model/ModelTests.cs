using System.Globalization;
using System.Text.Json;
using AgentPlatform.Testing;
using AgentPlatform.Testing.EventStores;
using FsCheck;
using FsCheck.Fluent;

namespace AgentPlatform.EventStore.Tests.Model;

/// <summary>
/// Random stories on PostgreSQL and on the twin, the same answers expected. A failure shows the shortest story that still fails and its seed, for example
/// <c>(123,457)</c>; MODEL_SEED=123,457 tells it again, MODEL_STORIES=10000 tells more.
/// </summary>
public sealed class ModelTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PostgreSQL_and_the_twin_give_the_same_answers_to_any_story()
    {
        await using var postgres = await CounterStore.Empty(servers);
        var (config, told) = (Configured(), 0);

        await Task.Run(() => Check.One(config, Prop.ForAll(Story.Any, story => Compare(postgres, story, ++told))), Ct);

        Assert.Equal(config.MaxTest, told);
    }

    private static async Task Compare(CounterStore database, Story story, int number)
    {
        var name = $"c{number}";
        var (postgres, twin) = (await OnPostgres(database, name), OnTwin(name));
        foreach (var (step, at) in story.Steps.Select((step, at) => (step, at)))
        {
            var (expected, answer) = (await twin.Run(step), await postgres.Run(step));
            Assert.True(expected == answer, $"Step {at}, {step}:\n  the twin:   {expected}\n  PostgreSQL: {answer}");
        }

        Assert.Equal(await twin.Everything(), await postgres.Everything());
    }

    private static async Task<StoryRunner> OnPostgres(CounterStore database, string name)
    {
        PostgresEventStore[] stores = [database.Another(), database.Another(new EventStoreOptions { HoleGrace = TimeSpan.Zero, StatesCachedMax = 0 })];
        var position = await Last(database);
        foreach (var store in stores)
        {
            store.HighWater.StartAt(position);
        }

        return new StoryRunner(stores, name, position, async () =>
        {
            var last = await Last(database);
            foreach (var store in stores)
            {
                await Eventually.True(async () => await store.HighWater.Advance(Ct) >= last || await store.HighWater.Advance(Ct) >= last || await store.HighWater.Advance(Ct) >= last, "holes proven empty");
            }
        });
    }

    private static StoryRunner OnTwin(string name)
    {
        var store = new InMemoryEventStore(EventTypes.Of(typeof(CounterEvent)), new EventStoreOptions(), JsonSerializerOptions.Web, TimeProvider.System);
        return new StoryRunner([store, store.Another()], name, 0, () => Task.CompletedTask);
    }

    private static async Task<long> Last(CounterStore database)
    {
        await using var command = database.Database.CreateCommand("select coalesce(max(seq_id), 0) from mt_events");
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }

    private static Config Configured()
    {
        var config = Config.QuickThrowOnFailure.WithMaxTest(int.Parse(Environment.GetEnvironmentVariable("MODEL_STORIES") ?? "300", CultureInfo.InvariantCulture));
        return Environment.GetEnvironmentVariable("MODEL_SEED")?.Split(',') is [var seed, var gamma]
            ? config.WithReplay(ulong.Parse(seed, CultureInfo.InvariantCulture), ulong.Parse(gamma, CultureInfo.InvariantCulture))
            : config;
    }
}
