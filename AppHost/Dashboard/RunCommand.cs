using AgentPlatform.AppHost.Supervision;

namespace AgentPlatform.AppHost.Dashboard;

/// <summary>Carries out what a button in the dashboard asks for, and returns when it is done, so that the button shows the truth.</summary>
internal sealed class RunCommand(IReadOnlyDictionary<string, Supervisor> supervisors, StateBoard board)
{
    /// <summary>Whether it succeeded, and what to say.</summary>
    public async Task<(bool IsDone, string Message)> Run(string resource, string command, CancellationToken ct)
    {
        if (!supervisors.TryGetValue(resource, out var supervisor) || board.Find(resource) is not { } before)
        {
            return (false, $"There is no resource called {resource}.");
        }

        switch (command)
        {
            case ToWire.Start:
                supervisor.Start();
                return await UntilReady(before, ct);
            case ToWire.Restart:
                supervisor.Restart();
                return await UntilReady(before, ct);
            case ToWire.Stop:
                await supervisor.StopAsync(ct);
                return (true, "");
            default:
                return before.Commands.FirstOrDefault(own => own.Name == command) is { } found
                    ? (true, await found.Execute(ct))
                    : (false, $"{resource} has no command called {command}.");
        }
    }

    /// <summary>Ready again as another start than before, or failed.</summary>
    private async Task<(bool IsDone, string Message)> UntilReady(ResourceSnapshot before, CancellationToken ct)
    {
        var after = await board.Until(
            before.Name,
            now => now.State == States.FailedToStart || (now.IsReady && (now.StartedAt != before.StartedAt || before.IsReady is false)),
            ct);
        return after.IsReady ? (true, "") : (false, $"{before.DisplayName} did not start; its console log says why.");
    }
}
