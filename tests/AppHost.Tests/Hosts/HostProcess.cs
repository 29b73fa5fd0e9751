using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Tests.Hosts;

/// <summary>An AppHost in a process of its own, with a data folder and ports of its own.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly ConcurrentQueue<string> lines = new();
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TemporaryFolder? folder;

    private HostProcess(Process process, string data, int portBase, TemporaryFolder? folder)
    {
        this.process = process;
        this.folder = folder;
        Data = data;
        PortBase = portBase;
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Data { get; }

    public int PortBase { get; }

    public int Id => process.Id;

    public string Output => string.Join('\n', lines);

    public Uri Echo => new($"http://127.0.0.1:{PortBase + 1}");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Starts a host; without a folder it gets its own, which goes with it.</summary>
    public static HostProcess Start(string[] args, string? data = null, int? portBase = null)
    {
        // Belongs to the user PostgreSQL runs as when we are root, who cannot look into our data folder and has its own beside it.
        var own = data is null ? TemporaryFolder.Make(PostgresAccount.UserForRoot()) : null;
        var ports = portBase ?? LoopbackPorts.NextBlock(40);
        data ??= Path.Combine(own!.Path, "data");

        // A shell starts what it runs in the background with SIGINT ignored, children inherit that, and .NET respects it: these tests are about a host in the foreground.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", "exec", TestProgram.Assembly, "host", .. args, "--data", data, "--port-base", $"{ports}"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["AGENTPLATFORM_SHARED"] = Path.Combine(Path.GetDirectoryName(data)!, "shared");
        return new HostProcess(Process.Start(start)!, data, ports, own);
    }

    public static Task<HostProcess> Ready(params string[] args) => Ready(Start(args.Length == 0 ? ["--no-dashboard"] : args));

    public static async Task<HostProcess> Ready(HostProcess host)
    {
        await Task.WhenAny(host.ready.Task, host.process.WaitForExitAsync(Ct)).WaitAsync(Deadline, Ct);
        Assert.True(host.ready.Task.IsCompleted, host.Output);
        return host;
    }

    public async Task<JsonElement> Platform()
    {
        using var file = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Data, "platform.json"), Ct));
        return file.RootElement.Clone();
    }

    public void Send(Signal signal) => NativeCalls.Send(process.Id, signal);

    public async Task<int> Exited()
    {
        await process.WaitForExitAsync(Ct).WaitAsync(Deadline, Ct);
        return process.ExitCode;
    }

    public async Task<int> Stop()
    {
        Send(Signal.Interrupt);
        return await Exited();
    }

    /// <summary>The processes that have the folder above our data in their command line or environment, ourselves excluded.</summary>
    public Process[] Family() => [.. Process.GetProcesses().Where(other => other.Id != process.Id && Belongs(other.Id))];

    /// <summary>Another process changes the world and has no way to tell us; one deadline for all, with what the host said when it passes.</summary>
    public async Task Eventually(Func<bool> isTrue)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var begun = Stopwatch.StartNew();
        while (!isTrue())
        {
            Assert.True(begun.Elapsed < Deadline, Output);
            await timer.WaitForNextTickAsync(Ct);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            Send(Signal.Interrupt);
            await process.WaitForExitAsync().WaitAsync(Deadline);
        }

        process.Dispose();
        folder?.Dispose();
    }

    private bool Belongs(int id)
    {
        var ours = Path.GetDirectoryName(Data)!;
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Contains(ours, StringComparison.Ordinal)
                || File.ReadAllText($"/proc/{id}/environ").Contains(ours, StringComparison.Ordinal);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lines.Enqueue(line);
        if (line.StartsWith("Stop with Ctrl-C", StringComparison.Ordinal))
        {
            ready.TrySetResult();
        }
    }
}
