using System.Collections.Concurrent;

namespace AgentPlatform.AppHost.Logs;

/// <summary>The console logs of all resources, by instance name.</summary>
internal sealed class LogBook(string folder, Terminal terminal, TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<string, (ConsoleLog Log, LogFile File)> logs = new(StringComparer.Ordinal);

    public ConsoleLog For(string name) => logs.GetOrAdd(name, _ =>
    {
        var file = new LogFile(Path.Combine(folder, name + ".log"));
        return (new ConsoleLog(name, file, terminal.Show, time), file);
    }).Log;

    public void Dispose()
    {
        foreach (var (_, file) in logs.Values)
        {
            file.Dispose();
        }
    }
}
