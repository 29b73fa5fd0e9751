namespace AgentPlatform.Messaging.Tests.Outbox;

public sealed class FactsPatienceTests
{
    private static readonly MessagingOptions Options = new() { Url = "nats://nowhere", FactsGrace = TimeSpan.FromSeconds(10), GapGrace = TimeSpan.FromSeconds(60) };

    private readonly HandClock _clock = new();
    private readonly FactsPatience _patience;

    public FactsPatienceTests() => _patience = new FactsPatience(Options, _clock);

    [Fact]
    public void Who_has_everything_is_handed_nothing_again()
    {
        Assert.Null(Told(complete: 100, handedOver: 100, after: 0));
        Assert.Null(Told(complete: 100, handedOver: 100, after: 10_000));
    }

    [Fact]
    public void A_standstill_with_nothing_on_its_way_is_borne_for_the_facts_grace()
    {
        Assert.Null(Told(complete: 40, handedOver: 100, after: 0));
        Assert.Null(Told(complete: 40, handedOver: 100, after: 9));
        Assert.Equal(40, Told(complete: 40, handedOver: 100, after: 1));
    }

    [Fact]
    public void A_standstill_with_something_on_its_way_is_borne_for_the_gap_grace()
    {
        Assert.Null(Told(complete: 40, handedOver: 100, after: 0, isDrained: false));
        Assert.Null(Told(complete: 40, handedOver: 100, after: 59, isDrained: false));
        Assert.Equal(40, Told(complete: 40, handedOver: 100, after: 1, isDrained: false));
    }

    [Fact]
    public void Progress_begins_the_patience_anew()
    {
        Assert.Null(Told(complete: 40, handedOver: 100, after: 0));
        Assert.Null(Told(complete: 41, handedOver: 100, after: 9));
        Assert.Null(Told(complete: 41, handedOver: 100, after: 9));
        Assert.Equal(41, Told(complete: 41, handedOver: 100, after: 1));
    }

    [Fact]
    public void The_patience_doubles_with_every_try_that_did_not_help_up_to_a_bound()
    {
        Assert.Null(Told(complete: 40, handedOver: 100, after: 0));
        foreach (var seconds in (int[])[10, 20, 40, 80, 160, 320, 640, 640, 640])
        {
            Assert.Null(Told(complete: 40, handedOver: 100, after: seconds - 1));
            Assert.Equal(40, Told(complete: 40, handedOver: 100, after: 1));
        }
    }

    [Fact]
    public void A_try_that_helped_makes_patience_short_again()
    {
        Assert.Null(Told(complete: 40, handedOver: 100, after: 0));
        Assert.Equal(40, Told(complete: 40, handedOver: 100, after: 10));
        Assert.Null(Told(complete: 100, handedOver: 100, after: 1));

        Assert.Null(Told(complete: 100, handedOver: 150, after: 0));
        Assert.Equal(100, Told(complete: 100, handedOver: 150, after: 10));
    }

    private long? Told(long complete, long handedOver, int after, bool isDrained = true)
    {
        _clock.Now += TimeSpan.FromSeconds(after);
        return _patience.BeginAgainAfter(new FactsTold("sessions", complete, isDrained), handedOver);
    }

    private sealed class HandClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
