using System.Diagnostics.CodeAnalysis;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Logs;

namespace AgentPlatform.AppHost.Supervision;

/// <summary>What one supervisor looks after.</summary>
/// <param name="WaitsFor">Names of the instances that must be ready first.</param>
/// <param name="HealthAddress">Asked until it is healthy, and afterwards; null: ready when it runs.</param>
internal sealed record Charge(ResourceSnapshot Blank, ILauncher Launcher, IReadOnlyList<string> WaitsFor, Uri? HealthAddress);

/// <summary>
/// Keeps one instance as it should be: running or stopped, as last ordered. What ends unasked is started again after a delay that doubles,
/// until it has crashed too often. One loop per instance; orders only change what the loop works towards.
/// </summary>
internal sealed class Supervisor : IAsyncDisposable
{
    private readonly Charge charge;
    private readonly StateBoard board;
    private readonly ConsoleLog log;
    private readonly RestartPolicy policy;
    private readonly HealthProbe probe;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly Task loop;
    private Order order = new(Wish.Rest);
    private ResourceSnapshot present;

    public Supervisor(Charge charge, StateBoard board, ConsoleLog log, RestartOptions restart, HealthOptions health, TimeProvider time)
    {
        this.charge = charge;
        this.board = board;
        this.log = log;
        this.time = time;
        restart.Check();
        policy = new RestartPolicy(restart, time);
        probe = new HealthProbe(health, time);
        present = charge.Blank;
        board.Publish(present);
        loop = Task.Run(Loop);
    }

    private enum Wish
    {
        Run,
        Rest,
        End,
    }

    public string Name => charge.Blank.Name;

    /// <summary>Starts it unless it runs already.</summary>
    public void Start()
    {
        lock (gate)
        {
            if (order.Wish != Wish.Run)
            {
                Give(new Order(Wish.Run));
            }
        }
    }

    /// <summary>Stops what runs and starts anew.</summary>
    public void Restart()
    {
        lock (gate)
        {
            Give(new Order(Wish.Run));
        }
    }

    /// <summary>Stops it and waits until nothing of it runs.</summary>
    public Task StopAsync(CancellationToken ct = default)
    {
        lock (gate)
        {
            if (order.Wish == Wish.Run)
            {
                Give(new Order(Wish.Rest));
            }
        }

        return board.Until(Name, snapshot => States.IsAtRest(snapshot.State), ct);
    }

    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            Give(new Order(Wish.End));
        }

        await loop;
    }

    private void Give(Order next)
    {
        if (order.Wish == Wish.End)
        {
            return;
        }

        var before = order;
        order = next;
        before.Withdraw();
    }

    private async Task Loop()
    {
        while (true)
        {
            Order now;
            lock (gate)
            {
                now = order;
            }

            switch (now.Wish)
            {
                case Wish.End:
                    return;
                case Wish.Rest:
                    await now.Withdrawn;
                    break;
                default:
                    policy.Reset();
                    await Fulfil(now);
                    break;
            }
        }
    }

    /// <summary>Runs it, again after each crash, until the order is withdrawn or there is no point any more.</summary>
    private async Task Fulfil(Order now)
    {
        for (var restarts = 0; ; restarts++)
        {
            var begun = time.GetTimestamp();
            var code = await RunOnce(now, restarts);
            if (now.IsWithdrawn)
            {
                Publish(present with { State = States.Exited, ProcessId = null, ExitCode = code, Health = null, StoppedAt = time.GetUtcNow() });
                return;
            }

            if (policy.AfterCrash(time.GetElapsedTime(begun)) is not { } delay)
            {
                log.Note($"{Name} has failed too often in a short time and stays down. Its log above says why; start it again in the dashboard.");
                Publish(present with { State = States.FailedToStart, ProcessId = null, ExitCode = code, Health = null, StoppedAt = time.GetUtcNow() });
                await now.Withdrawn;
                return;
            }

            log.Note($"{Name} {(code is null ? "did not start" : $"ended with code {code}")}; starting it again in {delay.TotalSeconds:0.0} s");
            Publish(present with { State = States.Waiting, ProcessId = null, ExitCode = code, Health = null, StoppedAt = time.GetUtcNow() });
            await Task.WhenAny(Task.Delay(delay, time), now.Withdrawn);
        }
    }

    /// <summary>The exit code; null when nothing was started.</summary>
    private async Task<int?> RunOnce(Order now, int restarts)
    {
        Running running;
        try
        {
            Publish(present with { State = States.Waiting, ExitCode = null, StoppedAt = null, Restarts = restarts });
            await board.Until(picture => charge.WaitsFor.All(other => picture.TryGetValue(other, out var it) && it.IsReady), now.Token);
            Publish(present with { State = States.Starting, StartedAt = time.GetUtcNow() });
            running = await charge.Launcher.StartAsync(now.Token);
        }
        catch (OperationCanceledException) when (now.IsWithdrawn)
        {
            return null;
        }
        catch (Exception error)
        {
            // Whatever keeps it from starting (program missing, port taken, server refused) is for the person to read; a later try may succeed.
            log.Note($"{Name} cannot start: {error.Message}");
            return null;
        }

        Publish(present with { State = States.Running, ProcessId = running.ProcessId, Health = charge.HealthAddress is null ? null : new Health(null, "not asked yet", null) });
        return await Attend(now, running);
    }

    private async Task<int?> Attend(Order now, Running running)
    {
        using var untilItEnds = new CancellationTokenSource();
        var health = charge.HealthAddress is { } address
            ? probe.Run(address, answer => Publish(present with { Health = answer }), untilItEnds.Token)
            : Task.Delay(Timeout.Infinite, untilItEnds.Token);

        await Task.WhenAny(running.Exited, now.Withdrawn);
        await untilItEnds.CancelAsync();
        try
        {
            await health;   // Nothing may change the picture from here on but this loop.
        }
        catch (OperationCanceledException)
        {
        }

        if (!running.Exited.IsCompleted)
        {
            Publish(present with { State = States.Stopping });
        }

        await running.StopAsync();
        return await running.Exited;
    }

    private void Publish(ResourceSnapshot snapshot)
    {
        present = snapshot;
        board.Publish(snapshot);
    }

    /// <summary>What is wanted, until something else is.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "The source has no timer and no handle; disposing it would race with those who still look at its token.")]
    private sealed class Order(Wish wish)
    {
        private readonly CancellationTokenSource withdrawal = new();
        private readonly TaskCompletionSource withdrawn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Wish Wish => wish;

        public CancellationToken Token => withdrawal.Token;

        public Task Withdrawn => withdrawn.Task;

        public bool IsWithdrawn => withdrawal.IsCancellationRequested;

        public void Withdraw()
        {
            withdrawal.Cancel();
            withdrawn.TrySetResult();
        }
    }
}
