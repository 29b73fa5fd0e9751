using System.Collections.Concurrent;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>Runs a short-lived tool to its end and returns what it printed.</summary>
internal static class RunTool
{
    /// <summary>More output than this is cut off from the front: the end is where tools say what went wrong.</summary>
    private const int LinesMax = 5_000;
    private const int LinesInError = 12;

    /// <summary>The lines of standard output.</summary>
    /// <exception cref="ToolFailedException">The tool ended with another code than 0; the message holds its last lines.</exception>
    public static async Task<IReadOnlyList<string>> Run(ChildProcessStart start, CancellationToken ct)
    {
        var lines = new ConcurrentQueue<OutputLine>();
        await using var child = ChildProcess.Start(start with
        {
            OnLine = line =>
            {
                lines.Enqueue(line);
                if (lines.Count > LinesMax)
                {
                    lines.TryDequeue(out _);
                }
            },
        });
        int code;
        try
        {
            code = await child.Exited.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            await child.KillAsync();
            throw;
        }

        return code == 0
            ? [.. lines.Where(line => !line.IsError).Select(line => line.Text)]
            : throw new ToolFailedException(
                $"{start.Program} {string.Join(' ', start.Arguments)} ended with code {code}:\n{string.Join('\n', lines.TakeLast(LinesInError).Select(line => "  " + line.Text))}");
    }
}

/// <summary>A tool did not do its work; the message holds its last lines.</summary>
public sealed class ToolFailedException : Exception
{
    /// <summary>With what the tool said.</summary>
    public ToolFailedException(string message)
        : base(message)
    {
    }

    /// <summary>With the cause.</summary>
    public ToolFailedException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>Without a message; prefer the others.</summary>
    public ToolFailedException()
    {
    }
}
