using System.Collections.Concurrent;
using System.Globalization;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;

namespace AgentPlatform.Messaging.Tests.Simulation;

/// <summary>
/// Any fault, any order, same end, by seed. <c>SEEDS=17,23</c> lives these stories alone, <c>SEEDS_COUNT=10000</c> more than usual, <c>SEEDS_FROM</c> others than usual.
/// </summary>
public sealed class SimulationTests(Servers servers, ITestOutputHelper output)
{
    private const int SeedsUsual = 1_000;
    private static readonly int WorldsMax = Math.Clamp(Environment.ProcessorCount * 5, 8, 40);
    private static readonly TimeSpan StoryMax = TimeSpan.FromMinutes(5);

    // The NATS client blocks pool threads when connections break, and here they break by the thousand; the pool would grow by one or two a second.
    static SimulationTests() => ThreadPool.SetMinThreads(200, 200);

    public static TheoryData<FaultPoint> Points => [.. Fate.Points];

    [Fact]
    public async Task Every_effect_is_there_once_whatever_befell_sender_receiver_network_and_streams()
    {
        var seeds = Seeds();
        var failed = new ConcurrentQueue<string>();
        var (begun, before) = (TimeProvider.System.GetTimestamp(), new Dictionary<FaultPoint, int>(Member.DiedAt));
        await InWorlds(Math.Min(WorldsMax, seeds.Count), seeds, async (world, seed) =>
        {
            try
            {
                await world.Live(seed, Fate.From(seed)).WaitAsync(StoryMax);
                return true;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                failed.Enqueue($"SEEDS={seed} ({Fate.From(seed)}) went wrong: {e.GetType().Name}: {e.Message}\n{world}\n{await world.Sessions()}\n{await world.Streams()}");
                return false;
            }
        });

        var died = Fate.Points.ToDictionary(point => point, point => Member.DiedAt.GetValueOrDefault(point) - before.GetValueOrDefault(point));
        output.WriteLine($"{seeds.Count} stories in {TimeProvider.System.GetElapsedTime(begun).TotalSeconds:0} s; died at {string.Join(", ", died.Select(p => $"{p.Key} {p.Value}"))}");
        Assert.True(failed.IsEmpty, $"{failed.Count} of {seeds.Count} stories went wrong:\n{string.Join('\n', failed.Take(5))}");
        if (seeds.Count >= SeedsUsual)
        {
            Assert.All(died, point => Assert.True(point.Value > 0, $"Nobody died at {point.Key} in {seeds.Count} stories: Fate must lead there"));
        }
    }

    [Theory]
    [MemberData(nameof(Points))]
    public async Task A_process_that_dies_between_two_steps_leaves_each_effect_once(FaultPoint point)
    {
        var dies = Member.DiedAt.GetValueOrDefault(point);
        var isSenders = point is FaultPoint.Decided or FaultPoint.Stored or FaultPoint.Remembered or FaultPoint.Resent;
        var fate = Fate.Kind with
        {
            SenderDiesAt = isSenders ? point : null,
            ReceiverDiesAt = isSenders ? null : point,
            ReceiverComesLate = point is FaultPoint.Missed or FaultPoint.Remembered or FaultPoint.Resent,
            IsPoisoned = point is FaultPoint.Buried,
            MustDie = true,
        };
        await InWorlds(1, [(int)point], async (world, seed) =>
        {
            await world.Live(seed, fate);
            return true;
        });

        Assert.True(Member.DiedAt.GetValueOrDefault(point) > dies, $"Nobody came to {point}");
    }

    private static List<int> Seeds() =>
        Environment.GetEnvironmentVariable("SEEDS") is { Length: > 0 } these
            ? [.. these.Split(',').Select(seed => int.Parse(seed, CultureInfo.InvariantCulture))]
            : [.. Enumerable.Range(Number("SEEDS_FROM", 1), Number("SEEDS_COUNT", SeedsUsual))];

    private static int Number(string variable, int usual) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : usual;

    /// <summary>Several worlds at once, story after story; one in which a story went wrong is replaced.</summary>
    private async Task InWorlds(int worlds, IReadOnlyCollection<int> seeds, Func<World, int, Task<bool>> live)
    {
        using var jetStream = new JetStreamApi(servers);
        var waiting = new ConcurrentQueue<int>(seeds);
        await Task.WhenAll(Enumerable.Range(0, worlds).Select(_ => Task.Run(async () =>
        {
            while (!waiting.IsEmpty)
            {
                await using var world = await World.Make(servers, jetStream);
                while (waiting.TryDequeue(out var seed) && await live(world, seed))
                {
                }
            }
        })));
    }
}
