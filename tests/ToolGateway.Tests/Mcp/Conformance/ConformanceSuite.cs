using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>The program of the official suite, run by the Node.js that it needs.</summary>
internal static class ConformanceSuite
{
    /// <summary>Why it cannot run here, or null.</summary>
    public static string? Missing => NpmPackages.Missing ?? (OperatingSystem.IsLinux() ? null : "The suite needs Node.js 22, which is brought along for Linux only.");

    /// <summary>What is known not to pass, with the reasons.</summary>
    public static string Expected(string suite, string which) => Path.Combine(Here, $"expected-failures-{suite}-{which}.yml");

    private static string Here => McpHost.Here();

    public static async Task<(bool Passed, string Said)> Run(string suite, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        using var folder = new TestFolder();
        return await Run(suite, arguments, folder, ct);
    }

    /// <summary>The checks of one scenario of clients, by name: how each ended, and what was measured.</summary>
    public static async Task<IReadOnlyDictionary<string, (string Status, JsonElement Details)>> Checks(string suite, string command, string scenario, CancellationToken ct)
    {
        using var folder = new TestFolder();
        await Run(suite, ["client", "--command", command, "--scenario", scenario, "--timeout", "120000"], folder, ct);
        var file = Directory.EnumerateFiles(folder.Of("results"), "checks.json", SearchOption.AllDirectories).Single();
        return JsonSerializer.Deserialize<JsonElement[]>(await File.ReadAllTextAsync(file, ct))!
            .Where(check => check.GetProperty("status").GetString() != "INFO")
            .ToDictionary(check => check.GetProperty("id").GetString()!, check => (check.GetProperty("status").GetString()!, check.TryGetProperty("details", out var details) ? details : default), StringComparer.Ordinal);
    }

    private static async Task<(bool Passed, string Said)> Run(string suite, IReadOnlyList<string> arguments, TestFolder folder, CancellationToken ct)
    {
        var (node, modules) = await Programs(ct);
        var said = new ConcurrentQueue<string>();
        await using var child = ChildProcess.Start(new ChildProcessStart(node, [Path.Combine(modules, suite, "dist", "index.js"), .. arguments, "-o", "results"])
        {
            WorkingDirectory = folder.Path, OnLine = line => said.Enqueue(line.Text),
        });
        var code = await child.Exited.WaitAsync(ct);
        return (code == 0, code == 0 ? string.Empty : string.Join('\n', [.. said.SkipWhile(line => !line.Contains("SUMMARY", StringComparison.Ordinal)), .. Faults(folder.Of("results")), .. Words(folder.Of("results"))]));
    }

    /// <summary>What the official Inspector, as a program, gets.</summary>
    public static async Task<JsonElement> Inspect(string[] arguments, CancellationToken ct)
    {
        var (node, modules) = await Programs(ct);
        var said = await NpmPackages.Run(node, [Path.Combine(modules, "@modelcontextprotocol", "inspector", "cli", "build", "index.js"), .. arguments], modules, ct);
        return JsonSerializer.Deserialize<JsonElement>(string.Join('\n', said));
    }

    private static async Task<(string Node, string Modules)> Programs(CancellationToken ct)
    {
        var modules = Path.Combine(await NpmPackages.Ensure(Here, ct), "node_modules");
        return (Directory.EnumerateDirectories(modules, "node-linux-*").Select(folder => Path.Combine(folder, "bin", "node")).First(File.Exists), modules);
    }

    private static IEnumerable<string> Words(string results) =>
        from file in Directory.EnumerateFiles(results, "stderr.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        select $"{Path.GetFileName(Path.GetDirectoryName(file))} said: {Short(File.ReadAllText(file))}";

    // The program says which checks failed, and keeps to itself why.
    private static IEnumerable<string> Faults(string results) =>
        from file in Directory.EnumerateFiles(results, "checks.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        from check in JsonSerializer.Deserialize<JsonElement[]>(File.ReadAllText(file))!
        let status = check.GetProperty("status").GetString()
        where status is "FAILURE" or "WARNING"
        select $"{Path.GetFileName(Path.GetDirectoryName(file))} {status} {check.GetProperty("id").GetString()}: {(check.TryGetProperty("errorMessage", out var why) ? why.GetString() : null)} {(check.TryGetProperty("details", out var details) ? Short(details.GetRawText()) : null)}";

    private static string Short(string text) => text.Length <= 600 ? text : $"{text[..600]}…";
}
