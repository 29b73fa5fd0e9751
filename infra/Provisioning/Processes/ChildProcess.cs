using System.ComponentModel;
using System.Diagnostics;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>
/// A child that does not outlive us (see <see cref="ParentDeath"/>), leads its own process group, and is stopped politely first and for certain afterwards.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly ChildProcessStart start;

    private ChildProcess(Process process, ChildProcessStart start)
    {
        this.process = process;
        this.start = start;
        Id = process.Id;
        Exited = Watch();
    }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>Completes with the exit code when the child has ended and its last lines were delivered; 128 + n when signal n ended it.</summary>
    public Task<int> Exited { get; }

    /// <summary>True until the child has ended.</summary>
    public bool IsRunning => !Exited.IsCompleted;

    /// <summary>Starts the child.</summary>
    /// <exception cref="ProgramMissingException">The program, or the tool that ties it to our life, is not there.</exception>
    public static ChildProcess Start(ChildProcessStart start) => Start(start, way: null);

    internal static ChildProcess Start(ChildProcessStart start, ParentDeath.Way? way)
    {
        ArgumentNullException.ThrowIfNull(start);
        var (command, holdInput) = ParentDeath.Wrap([start.Program, .. start.Arguments], start.OnParentDeath, ownGroup: !start.InheritTerminal, way);
        var info = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            WorkingDirectory = start.WorkingDirectory ?? "",
            RedirectStandardInput = !start.InheritTerminal,
            RedirectStandardOutput = !start.InheritTerminal,
            RedirectStandardError = !start.InheritTerminal,
        };
        if (start.RunAs is { } user)
        {
            info.UserName = user;
        }

        SetEnvironment(info, start);
        try
        {
            return SpawnThread.Run(() =>
            {
                var started = new Process { StartInfo = info };
                started.Start();
                if (!start.InheritTerminal && !holdInput)
                {
                    started.StandardInput.Close();
                }

                return new ChildProcess(started, start);
            });
        }
        catch (Win32Exception error)
        {
            throw new ProgramMissingException($"Cannot start {start.Program} by way of {command[0]}: {error.Message}. Install util-linux (Debian has it by default).", error);
        }
    }

    /// <summary>Sends a signal to the child alone. Nothing happens when it has ended.</summary>
    public void Send(Signal signal)
    {
        if (IsRunning)
        {
            NativeCalls.Send(Id, signal);
        }
    }

    /// <summary>Kills the child and everything in its process group, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        KillGroup();
        await Exited;
    }

    /// <summary>Asks the child to end; after <see cref="ChildProcessStart.StopTimeout"/> its whole group is killed. Returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        Send(start.StopSignal);
        using var patience = new CancellationTokenSource(start.StopTimeout);
        try
        {
            return await Exited.WaitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            KillGroup();
            return await Exited;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        process.Dispose();
    }

    private static void SetEnvironment(ProcessStartInfo info, ChildProcessStart start)
    {
        if (!start.InheritEnvironment)
        {
            foreach (var name in info.Environment.Keys.Except(ChildProcessStart.PlainVariables, StringComparer.Ordinal).ToArray())
            {
                info.Environment.Remove(name);
            }
        }

        foreach (var (name, value) in start.Environment)
        {
            info.Environment[name] = value;
        }
    }

    private async Task<int> Watch()
    {
        var ignore = static (OutputLine _) => { };
        var lines = start.InheritTerminal
            ? Task.CompletedTask
            : Task.WhenAll(
                LinePump.Run(process.StandardOutput, isError: false, start.LineLengthMax, start.OnLine ?? ignore),
                LinePump.Run(process.StandardError, isError: true, start.LineLengthMax, start.OnLine ?? ignore));
        await process.WaitForExitAsync();
        if (!start.InheritTerminal)
        {
            // What the leader left behind in its group goes with it; the group id stays reserved while one of them lives.
            NativeCalls.Send(-Id, Signal.Kill);
        }

        await Task.WhenAny(lines, Task.Delay(start.LastLinesTimeout));
        if (lines.IsFaulted)
        {
            await lines;
        }

        return process.ExitCode;
    }

    private void KillGroup()
    {
        if (!IsRunning)
        {
            return;
        }

        if (start.InheritTerminal || !NativeCalls.Send(-Id, Signal.Kill))
        {
            NativeCalls.Send(Id, Signal.Kill);
        }
    }
}
