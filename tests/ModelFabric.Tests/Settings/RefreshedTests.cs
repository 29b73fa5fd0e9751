using AgentPlatform.ModelFabric.Settings;

namespace AgentPlatform.ModelFabric.Tests.Settings;

/// <summary>What every call asks for is read once for all who ask, and never an old state after a change.</summary>
public sealed class RefreshedTests
{
    private readonly List<TaskCompletionSource<int>> _reads = [];
    private readonly Clock _clock = new();
    private readonly Refreshed<int> _known;

    public RefreshedTests() => _known = new Refreshed<int>(Read, TimeSpan.FromSeconds(1), _clock);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_who_ask_while_it_is_read_wait_for_the_same_read_and_the_next_need_none()
    {
        var asked = Enumerable.Range(0, 100).Select(_ => _known.Get(Ct)).ToArray();
        _reads.Single().SetResult(7);

        Assert.All(await Task.WhenAll(asked), value => Assert.Equal(7, value));
        Assert.Equal(7, await _known.Get(Ct));
        Assert.Single(_reads);
    }

    [Fact]
    public async Task It_is_read_again_when_its_time_is_over()
    {
        var first = _known.Get(Ct);
        _reads[0].SetResult(1);
        await first;
        _clock.Passed = TimeSpan.FromSeconds(2);

        var second = _known.Get(Ct);
        _reads[1].SetResult(2);

        Assert.Equal(2, await second);
    }

    [Fact]
    public async Task Who_asks_after_a_change_does_not_get_what_was_being_read_before_it()
    {
        var before = _known.Get(Ct);
        _known.Forget();
        var after = _known.Get(Ct);
        _reads[0].SetResult(1);
        _reads[1].SetResult(2);

        Assert.Equal((1, 2, 2), (await before, await after, await _known.Get(Ct)));
    }

    [Fact]
    public async Task A_read_that_failed_is_told_to_all_and_not_remembered()
    {
        var failed = _known.Get(Ct);
        _reads[0].SetException(new IOException("the store is away"));
        await Assert.ThrowsAsync<IOException>(() => failed);

        var next = _known.Get(Ct);
        _reads[1].SetResult(3);

        Assert.Equal(3, await next);
    }

    [Fact]
    public async Task Who_leaves_ends_the_read_for_nobody_else()
    {
        using var leaving = new CancellationTokenSource();
        var (left, stayed) = (_known.Get(leaving.Token), _known.Get(Ct));
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        _reads.Single().SetResult(5);

        Assert.Equal(5, await stayed);
    }

    private Task<int> Read(CancellationToken ct)
    {
        var read = new TaskCompletionSource<int>();
        _reads.Add(read);
        return read.Task;
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Passed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Passed.Ticks;
    }
}
