using AgentPlatform.Benchmarks.Messaging;
using AgentPlatform.Benchmarks.Models;
using AgentPlatform.Benchmarks.Sandbox;
using AgentPlatform.Benchmarks.Store;
using AgentPlatform.Benchmarks.Tokens;
using AgentPlatform.Benchmarks.Tools;

namespace AgentPlatform.Benchmarks;

/// <summary>The benchmarks by name, and the command line that runs them.</summary>
internal static class AllBenchmarks
{
    public static IReadOnlyDictionary<string, Func<BenchmarkRun, Task>> ByName { get; } = new Dictionary<string, Func<BenchmarkRun, Task>>(StringComparer.Ordinal)
    {
        ["append"] = AppendLatency.Run,
        ["throughput"] = AppendThroughput.Run,
        ["hot-stream"] = HotStream.Run,
        ["aggregate"] = Aggregation.Run,
        ["projection"] = ProjectionVisible.Run,
        ["publish-handle"] = PublishHandle.Run,
        ["tokens"] = TokenCounting.Run,
        ["gateway"] = GatewayLatency.Run,
        ["sandbox"] = SandboxStart.Run,
        ["tool-call"] = ToolCallLatency.Run,
        ["mcp"] = McpLatency.Run,
        ["million"] = MillionMessages.Run,
    };

    public static async Task<int> Run(string[] args, TextWriter output, TextWriter errors)
    {
        var wanted = args.Where(a => !a.StartsWith("--", StringComparison.Ordinal)).ToArray();
        var wrong = args.FirstOrDefault(a => a.StartsWith("--", StringComparison.Ordinal) ? a is not ("--small" or "--help") : !ByName.ContainsKey(a));
        if (wrong is not null || args.Contains("--help"))
        {
            await (wrong is null ? output : errors).WriteLineAsync(
                $"{(wrong is null ? "" : $"{wrong} is not known. ")}usage: dotnet run -c Release --project tests/Benchmarks -- [--small] [{string.Join('|', ByName.Keys)}]...");
            return wrong is null ? 0 : 2;
        }

        await using var run = await BenchmarkRun.Start(args.Contains("--small"), output);
        foreach (var name in wanted.Length > 0 ? wanted : [.. ByName.Keys])
        {
            await ByName[name](run);
        }

        return 0;
    }
}
