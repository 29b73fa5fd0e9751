using AgentPlatform.Benchmarks;
using AgentPlatform.Benchmarks.Messaging;
using AgentPlatform.Benchmarks.Store;

Dictionary<string, Func<BenchmarkRun, Task>> benchmarks = new(StringComparer.Ordinal)
{
    ["append"] = AppendLatency.Run,
    ["throughput"] = AppendThroughput.Run,
    ["hot-stream"] = HotStream.Run,
    ["aggregate"] = Aggregation.Run,
    ["publish-handle"] = PublishHandle.Run,
    ["million"] = MillionMessages.Run,
};

var small = args.Contains("--small");
var wanted = args.Where(a => !a.StartsWith("--", StringComparison.Ordinal)).ToArray();
var unknown = Array.Find(wanted, name => !benchmarks.ContainsKey(name));
if (unknown is not null || args.Contains("--help") || args.Any(a => a.StartsWith("--", StringComparison.Ordinal) && a is not ("--small" or "--help")))
{
    Console.Error.WriteLine($"usage: dotnet run -c Release --project tests/Benchmarks -- [--small] [{string.Join('|', benchmarks.Keys)}]...");
    return unknown is null && args.Contains("--help") ? 0 : 2;
}

await using var run = await BenchmarkRun.Start(small, Console.Out);
foreach (var name in wanted.Length > 0 ? wanted : [.. benchmarks.Keys])
{
    await benchmarks[name](run);
}

return 0;
