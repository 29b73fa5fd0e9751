using AgentPlatform.AppHost.Supervision;

namespace AgentPlatform.AppHost.Tests.Supervision;

public sealed class SupervisorTests : IAsyncLifetime
{
    private readonly Bench bench = new();
    private readonly FakeLauncher launcher = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_crashes_is_started_again_and_the_count_is_shown()
    {
        bench.Supervise("service", launcher).Start();
        (await launcher.Started()).SetResult(137);
        await launcher.Started();

        var now = await bench.Saw("service", snapshot => snapshot is { State: States.Running, Restarts: 1 });
        Assert.Null(now.ExitCode);
        Assert.Contains(bench.Logs.For("service").Tail(10), line => line.Contains("ended with code 137", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_crashes_too_often_stays_down_until_somebody_starts_it()
    {
        var supervisor = bench.Supervise("service", launcher);
        supervisor.Start();
        for (var i = 0; i < 4; i++)   // CrashesMax is 3.
        {
            (await launcher.Started()).SetResult(1);
        }

        Assert.Equal(1, (await bench.Saw("service", States.FailedToStart)).ExitCode);
        await supervisor.StopAsync(Ct);
        supervisor.Start();
        await launcher.Started();
        await bench.Saw("service", States.Running);
    }

    [Fact]
    public async Task What_cannot_start_says_why_and_stays_down()
    {
        launcher.Refusal = new InvalidOperationException("the program is missing");
        bench.Supervise("service", launcher).Start();

        await bench.Saw("service", States.FailedToStart);
        Assert.Contains(bench.Logs.For("service").Tail(20), line => line.Contains("the program is missing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stop_is_not_answered_with_a_restart()
    {
        var supervisor = bench.Supervise("service", launcher);
        supervisor.Start();
        await bench.Saw("service", States.Running);

        await supervisor.StopAsync(Ct);
        Assert.Equal((States.Exited, null, 1), (bench.Board.Find("service")!.State, bench.Board.Find("service")!.ProcessId, launcher.Stops));
    }

    [Fact]
    public async Task A_restart_ends_the_old_process_before_the_new_one_starts()
    {
        var supervisor = bench.Supervise("service", launcher);
        supervisor.Start();
        var first = await launcher.Started();
        await bench.Saw("service", States.Running);

        supervisor.Restart();
        await launcher.Started();
        Assert.True(first.Task.IsCompleted);
        Assert.Equal(0, (await bench.Saw("service", States.Running)).Restarts);
    }

    [Fact]
    public async Task What_waits_starts_when_what_it_waits_for_is_ready()
    {
        var other = new FakeLauncher();
        bench.Supervise("service", launcher, waitsFor: ["database"]).Start();
        await bench.Saw("service", States.Waiting);

        bench.Supervise("database", other).Start();
        await launcher.Started();
        Assert.Equal(States.Running, bench.Board.Find("database")!.State);
    }

    [Fact]
    public async Task A_stop_ends_a_wait()
    {
        var supervisor = bench.Supervise("service", launcher, waitsFor: ["never"]);
        supervisor.Start();
        await bench.Saw("service", States.Waiting);
        await supervisor.StopAsync(Ct).WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Assert.Equal(0, launcher.Stops);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => bench.DisposeAsync();
}
