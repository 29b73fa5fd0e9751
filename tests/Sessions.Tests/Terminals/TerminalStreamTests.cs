using AgentPlatform.Sessions.Terminals;

namespace AgentPlatform.Sessions.Tests.Terminals;

public sealed class TerminalStreamTests
{
    private static ReadOnlyMemory<byte> Bytes(int count) => new byte[count];

    [Fact]
    public async Task A_subscriber_gets_the_backlog_and_then_what_is_new_each_piece_once()
    {
        const int pieces = 20_000;
        var stream = new TerminalStream(new TerminalOptions { ScrollbackChunksMax = pieces, SubscriberChunksMax = pieces });
        using var halfway = new SemaphoreSlim(0);
        var writer = Task.Run(() =>
        {
            for (var i = 1; i <= pieces; i++)
            {
                stream.Output(BitConverter.GetBytes(i));
                if (i % 1000 == 0)
                {
                    halfway.Release();
                }
            }
            stream.End(0);
        });
        var readers = new List<Task<(long From, List<long> Seen)>>();
        for (var i = 0; i < 8; i++)
        {
            await halfway.WaitAsync();
            var after = stream.LastSeq / 2;
            var frames = stream.Subscribe(after, CancellationToken.None);
            readers.Add(Task.Run(async () =>
            {
                var seen = new List<long>();
                await foreach (var frame in frames)
                {
                    if (frame is TerminalFrame.Output output)
                    {
                        Assert.Equal(output.Seq, BitConverter.ToInt32(output.Bytes.Span));
                        seen.Add(output.Seq);
                    }
                }
                return (after, seen);
            }));
        }
        await writer;
        foreach (var (from, seen) in await Task.WhenAll(readers))
        {
            Assert.Equal(Enumerable.Range((int)from + 1, pieces - (int)from).Select(seq => (long)seq), seen);
        }
    }

    [Fact]
    public async Task A_slow_subscriber_is_cut_off_with_the_reason_and_the_others_go_on()
    {
        var stream = new TerminalStream(new TerminalOptions { SubscriberChunksMax = 10 });
        var slow = stream.Subscribe(0, CancellationToken.None);
        for (var i = 0; i < 50; i++)
        {
            stream.Output(Bytes(1));
        }
        var late = stream.Subscribe(50, CancellationToken.None);
        stream.Output(Bytes(1));
        stream.End(0);

        var seen = await slow.ToListAsync();
        Assert.Equal(Enumerable.Range(1, 10).Select(seq => (long)seq), seen.OfType<TerminalFrame.Output>().Select(output => output.Seq));
        Assert.Contains("after=SEQ", Assert.IsType<TerminalFrame.CutOff>(seen[^1]).Reason, StringComparison.Ordinal);
        Assert.Equal([51], (await late.ToListAsync()).OfType<TerminalFrame.Output>().Select(output => output.Seq));
    }

    [Fact]
    public async Task What_left_the_scrollback_is_named_as_skipped()
    {
        var stream = new TerminalStream(new TerminalOptions { ScrollbackBytesMax = 100 });
        for (var i = 0; i < 30; i++)
        {
            stream.Output(Bytes(10));
        }
        stream.End(5);
        var seen = await stream.Subscribe(0, CancellationToken.None).ToListAsync();

        Assert.Equal(new TerminalFrame.Skipped(1, 20), seen[0]);
        Assert.Equal(Enumerable.Range(21, 10).Select(seq => (long)seq), seen.OfType<TerminalFrame.Output>().Select(output => output.Seq));
        Assert.Equal(new TerminalFrame.Ended(5), seen[^1]);
    }

    [Fact]
    public async Task A_subscriber_that_leaves_makes_room_for_another()
    {
        var stream = new TerminalStream(new TerminalOptions { SubscribersMax = 1 });
        stream.Output(Bytes(1));
        await foreach (var _ in stream.Subscribe(0, CancellationToken.None))
        {
            Assert.Throws<TerminalException>(() => stream.Subscribe(0, CancellationToken.None));
            break;
        }
        Assert.NotNull(stream.Subscribe(0, CancellationToken.None));
    }

    [Fact]
    public void The_scrollback_keeps_the_latest_within_its_bounds()
    {
        var scrollback = new Scrollback(bytesMax: 10, chunksMax: 3);
        foreach (var length in (int[])[1, 1, 1, 1, 8, 20])
        {
            scrollback.Add(Bytes(length));
        }

        Assert.Equal((6, 6), (scrollback.FirstSeq, scrollback.LastSeq));
        Assert.Equal(20, Assert.Single(scrollback.After(0)).Bytes.Length);
    }
}
