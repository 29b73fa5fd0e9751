using System.Collections.Concurrent;
using System.Diagnostics;

namespace AgentPlatform.Platform.Tests.Stack;

/// <summary>How a program ended and what it said.</summary>
internal sealed record Ended(int ExitCode, string Output, string Errors)
{
    public override string ToString() => $"exit code {ExitCode}\n--- output\n{Output}\n--- errors\n{Errors}";
}

/// <summary>A program of the platform in a process of its own, as a user starts it; killed with its children when the test leaves it behind.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private readonly Process process;
    private readonly ConcurrentQueue<string> output = new();
    private readonly ConcurrentQueue<string> errors = new();

    public RunningProgram(string program, IEnumerable<string> args, IReadOnlyDictionary<string, string> environment)
    {
        // With SIGINT at its default: a test run in the background inherits it ignored, and the platform would never hear our Ctrl-C.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", "exec", program, .. args]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Take(output, line.Data);
        process.ErrorDataReceived += (_, line) => Take(errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => process.Id;

    public bool IsRunning => !process.HasExited;

    public string Output => string.Join('\n', output);

    public string Errors => string.Join('\n', errors);

    public async Task<Ended> End(TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"The program has not ended within {within}.\n{new Ended(-1, Output, Errors)}", e);
        }

        return new Ended(process.ExitCode, Output, Errors);
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    private static void Take(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }
}
