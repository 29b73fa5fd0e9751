using AgentPlatform.AppHost.Supervision;

namespace AgentPlatform.AppHost.Tests.Supervision;

public sealed class RestartPolicyTests
{
    private static readonly RestartOptions Options = new()
    {
        DelayMin = TimeSpan.FromSeconds(1),
        DelayMax = TimeSpan.FromSeconds(5),
        CrashesMax = 6,
        Window = TimeSpan.FromMinutes(1),
        StableAfter = TimeSpan.FromSeconds(30),
    };

    private readonly HandClock clock = new();

    [Fact]
    public void Delays_double_up_to_the_bound_and_then_it_is_enough()
    {
        var policy = new RestartPolicy(Options, clock);
        Assert.Equal([1, 2, 4, 5, 5, 5, null], Enumerable.Range(0, 7).Select(_ => policy.AfterCrash(TimeSpan.Zero)?.TotalSeconds));
    }

    [Fact]
    public void A_crash_after_a_long_run_is_answered_like_the_first()
    {
        var policy = new RestartPolicy(Options, clock);
        policy.AfterCrash(TimeSpan.Zero);
        policy.AfterCrash(TimeSpan.Zero);
        Assert.Equal(TimeSpan.FromSeconds(1), policy.AfterCrash(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Crashes_long_ago_do_not_count()
    {
        var policy = new RestartPolicy(Options, clock);
        for (var i = 0; i < 20; i++)
        {
            Assert.NotNull(policy.AfterCrash(TimeSpan.Zero));
            clock.Now += TimeSpan.FromSeconds(20);
        }
    }

    [Fact]
    public void Contradicting_options_are_named()
    {
        var wrong = Assert.Throws<ArgumentException>(() => (Options with { DelayMin = TimeSpan.FromSeconds(9) }).Check());
        Assert.Contains("DelayMin must not exceed DelayMax", wrong.Message, StringComparison.Ordinal);
    }

    private sealed class HandClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
