using System.Runtime.InteropServices;

namespace AgentPlatform.AppHost.Stack;

/// <summary>
/// Ctrl-C, SIGTERM and SIGHUP ask for a clean stop, and so does the end of <c>dotnet run</c>, which may be killed without being able to pass a
/// signal on. Who asks again a moment later is impatient: that ends us at once, and the kernel ends our children.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private static readonly TimeSpan LookForParentEvery = TimeSpan.FromSeconds(1);

    // A terminal, timeout(1) and a supervisor often send the same signal to us and to our group: one wish, heard twice.
    private static readonly TimeSpan EchoMax = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource asked = new();
    private readonly List<IDisposable> registrations = [];
    private long? firstAsked;

    public StopSignals(TimeProvider time)
    {
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = firstAsked is not { } first || time.GetElapsedTime(first) < EchoMax;
                firstAsked ??= time.GetTimestamp();
                asked.Cancel();
            }));
        }

        if (Parent() is var parent && IsDotnetRun(parent))
        {
            registrations.Add(time.CreateTimer(
                _ =>
                {
                    if (Parent() != parent)
                    {
                        asked.Cancel();
                    }
                },
                null,
                LookForParentEvery,
                LookForParentEvery));
        }
    }

    /// <summary>Cancelled when we shall stop.</summary>
    public CancellationToken Token => asked.Token;

    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        asked.Dispose();
    }

    private static string Parent()
    {
        var stat = File.ReadAllText("/proc/self/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1];
    }

    private static bool IsDotnetRun(string parent)
    {
        var commandLine = $"/proc/{parent}/cmdline";
        return File.Exists(commandLine)
            && File.ReadAllText(commandLine).Split('\0') is [var program, var verb, ..]
            && Path.GetFileName(program) == "dotnet" && (verb is "run" or "watch" || verb.EndsWith("dotnet.dll", StringComparison.Ordinal));
    }
}
