using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Supervision;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.AppHost.Tests.Supervision;

/// <summary>A board, logs and supervisors to try things on.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private readonly TemporaryFolder folder = TemporaryFolder.Make();

    public Bench() => Logs = new LogBook(folder.Path, new Terminal(TextWriter.Null, LogDetail.None, hasColour: false), TimeProvider.System);

    public StateBoard Board { get; } = new();

    public LogBook Logs { get; }

    public Dictionary<string, Supervisor> Supervisors { get; } = new(StringComparer.Ordinal);

    public static ResourceSnapshot Blank(string name) => new()
    {
        Name = name,
        LogName = name,
        DisplayName = name,
        Type = "Project",
        CreatedAt = DateTimeOffset.UnixEpoch,
        State = States.NotStarted,
    };

    public Supervisor Supervise(string name, ILauncher launcher, string[]? waitsFor = null, RestartOptions? restart = null)
    {
        var supervisor = new Supervisor(
            new Charge(Blank(name), launcher, waitsFor ?? [], HealthAddress: null),
            Board,
            Logs.For(name),
            restart ?? new RestartOptions { DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(1), CrashesMax = 3 },
            new HealthOptions(),
            TimeProvider.System);
        Supervisors.Add(name, supervisor);
        return supervisor;
    }

    public Task<ResourceSnapshot> Saw(string name, Func<ResourceSnapshot, bool> isAsWanted) =>
        Board.Until(name, isAsWanted, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

    public Task<ResourceSnapshot> Saw(string name, string state) => Saw(name, snapshot => snapshot.State == state);

    public async ValueTask DisposeAsync()
    {
        foreach (var supervisor in Supervisors.Values)
        {
            await supervisor.DisposeAsync();
        }

        Logs.Dispose();
        folder.Dispose();
    }
}
