using System.Diagnostics;

namespace AgentPlatform.Cli.Tests;

/// <summary>Runs the real <c>agentctl</c> in a process of its own, with an environment that holds nothing of the machine's platform.</summary>
internal static class AgentCtl
{
    private static readonly TimeSpan PatienceMax = TimeSpan.FromSeconds(60);

    public static Task<Said> Run(IReadOnlyDictionary<string, string> environment, params string[] arguments) => RunWith(string.Empty, environment, arguments);

    /// <summary>As <see cref="Run"/>, with something on standard input.</summary>
    public static async Task<Said> RunWith(string input, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false,
        };
        foreach (var argument in arguments.Prepend(Path.Combine(AppContext.BaseDirectory, "agentctl.dll")))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("AGENTPLATFORM_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var deadline = new CancellationTokenSource(PatienceMax);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"agentctl {string.Join(' ', arguments)} did not end within {PatienceMax}; so far it said: {await error}", e);
        }

        return new Said(process.ExitCode, await output, await error);
    }
}

/// <summary>What came of it.</summary>
internal sealed record Said(int ExitCode, string Output, string Error);

/// <summary>A folder of one test.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("agentctl-").FullName;

    public string Write(string name, string text)
    {
        var file = System.IO.Path.Combine(Path, name);
        File.WriteAllText(file, text);
        return file;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
