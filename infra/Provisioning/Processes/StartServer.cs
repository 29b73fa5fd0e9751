using System.Collections.Concurrent;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>Starts a server and waits for the line in which it says that it is ready: a signal, not a poll.</summary>
internal static class StartServer
{
    private const int LinesInError = 15;

    public static async Task<ChildProcess> Start(ChildProcessStart start, string name, Func<string, bool> saysReady, TimeSpan timeout, CancellationToken ct)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var lastLines = new ConcurrentQueue<string>();
        var child = ChildProcess.Start(start with
        {
            OnLine = line =>
            {
                start.OnLine?.Invoke(line);
                if (ready.Task.IsCompleted)
                {
                    return;
                }

                lastLines.Enqueue(line.Text);
                if (lastLines.Count > LinesInError)
                {
                    lastLines.TryDequeue(out _);
                }

                if (saysReady(line.Text))
                {
                    ready.TrySetResult();
                }
            },
        });

        string problem;
        try
        {
            await Task.WhenAny(ready.Task, child.Exited).WaitAsync(timeout, ct);
            if (ready.Task.IsCompletedSuccessfully)
            {
                return child;
            }

            problem = $"ended with code {await child.Exited}";
        }
        catch (TimeoutException)
        {
            problem = $"was not ready within {timeout}";
        }
        catch (OperationCanceledException)
        {
            await child.KillAsync();
            throw;
        }

        await child.KillAsync();
        throw new ServerFailedException($"{name} {problem}. Its last lines:\n{string.Join('\n', lastLines.Select(line => "  " + line))}");
    }
}
