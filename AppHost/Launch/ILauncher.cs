namespace AgentPlatform.AppHost.Launch;

/// <summary>Starts one instance of a resource, again and again if need be.</summary>
internal interface ILauncher
{
    /// <summary>What the dashboard shows about it.</summary>
    LaunchDescription Describe();

    /// <summary>Returns when the process is there; whether it is ready is for its health check to say.</summary>
    Task<Running> StartAsync(CancellationToken ct);
}

/// <summary>A started instance.</summary>
/// <param name="ProcessId">Null when it is no process of ours.</param>
/// <param name="Exited">Completes with the exit code when it has ended.</param>
/// <param name="StopAsync">Ends it; <paramref name="Exited"/> is complete afterwards.</param>
internal sealed record Running(int? ProcessId, Task<int> Exited, Func<Task> StopAsync)
{
    /// <summary>Something that is simply there until it is stopped.</summary>
    public static Running Thing()
    {
        var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        return new Running(null, ended.Task, () =>
        {
            ended.TrySetResult(0);
            return Task.CompletedTask;
        });
    }
}

internal sealed record LaunchDescription(IReadOnlyList<Variable> Environment, IReadOnlyList<Fact> Facts)
{
    public static LaunchDescription Empty { get; } = new([], []);
}

/// <summary>An environment variable as shown; the value of a secret one never leaves this process.</summary>
internal sealed record Variable(string Name, string? Value, bool IsSecret);

/// <summary>A property as shown. The names the dashboard knows are <c>executable.path</c>, <c>executable.args</c>, <c>project.path</c> and the like.</summary>
internal sealed record Fact(string Name, string Value, string? DisplayName = null, bool IsHighlighted = false);
