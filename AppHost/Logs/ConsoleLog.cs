using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Logs;

/// <summary>A line of a resource's console.</summary>
internal readonly record struct LogLine(int Number, DateTimeOffset At, string Text, bool IsError);

/// <summary>The last lines one resource wrote. Readers keep their own place, so a slow one costs nothing and holds nobody up.</summary>
internal sealed class ConsoleLog(string name, LogFile file, Action<string, OutputLine> show, TimeProvider time)
{
    public const int LinesMax = 5_000;
    public const int CharactersMax = 4_000_000;

    private readonly Lock gate = new();
    private readonly Queue<LogLine> lines = [];
    private int characters;
    private int last;
    private TaskCompletionSource more = NewSignal();

    /// <summary>A line of the resource.</summary>
    public void Write(OutputLine line)
    {
        TaskCompletionSource signal;
        string? problem;
        lock (gate)
        {
            var at = time.GetUtcNow();
            lines.Enqueue(new LogLine(++last, at, line.Text, line.IsError));
            characters += line.Text.Length;
            while (lines.Count > LinesMax || characters > CharactersMax)
            {
                characters -= lines.Dequeue().Text.Length;
            }

            problem = file.Write(at, line.Text);
            signal = more;
            more = NewSignal();
        }

        signal.SetResult();
        show(name, line);
        if (problem is not null)
        {
            Note(problem);
        }
    }

    /// <summary>A line of ours about the resource.</summary>
    public void Note(string text) => Write(new OutputLine($"[apphost] {text}", IsError: false));

    /// <summary>The lines after the given number that are still held, at most <paramref name="countMax"/>, and what completes when there are more.</summary>
    public (LogLine[] Lines, Task More) ReadAfter(int number, int countMax)
    {
        lock (gate)
        {
            LogLine[] found = [.. lines.SkipWhile(line => line.Number <= number).Take(countMax)];
            return (found, found.Length == countMax ? Task.CompletedTask : more.Task);
        }
    }

    /// <summary>The last lines, for an error message.</summary>
    public string[] Tail(int count)
    {
        lock (gate)
        {
            return [.. lines.TakeLast(count).Select(line => line.Text)];
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
