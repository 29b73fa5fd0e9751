using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace AgentPlatform.Benchmarks.Tools;

/// <summary>
/// A call of a built-in tool from its HTTP request to its recorded end, through a real ToolGateway with PostgreSQL and NATS, whose policy is asked and whose
/// ledger is written; and the file read without any of it.
/// </summary>
internal static class ToolCallLatency
{
    private const string Text = "a line of a report\n";

    public static async Task Run(BenchmarkRun run)
    {
        var folder = Directory.CreateTempSubdirectory("benchmark-tools-");
        try
        {
            var workspace = Guid.CreateVersion7();
            await using var gateway = await GatewayProcess.ToolGateway(run, folder.FullName);
            using (var put = await gateway.Http.PutAsync($"/v1/workspaces/{workspace}/files/report.txt", new StringContent(Text)))
            {
                put.EnsureSuccessStatusCode();
            }

            var (idle, plain) = (gateway.Megabytes.Now, Path.Combine(folder.FullName, "plain.txt"));
            await File.WriteAllTextAsync(plain, Text);
            // What is hot is compiled after some thousand calls; that belongs to the start of a service and not to its calls.
            await Warm.Up(run, () => Call(gateway, workspace, "files.read", new { path = "report.txt" }));
            var direct = new Sample();
            await direct.Add(1, run.Duration / 4, 1, (_, _) => File.ReadAllTextAsync(plain));
            run.Latencies("direct: a file read", direct);
            foreach (var callers in (int[])[1, 64])
            {
                await Measure(run, gateway, $"files.read, {callers} callers", callers, (_, _) => Call(gateway, workspace, "files.read", new { path = "report.txt" }));
                await Measure(run, gateway, $"files.write, {callers} callers", callers, (caller, n) => Call(gateway, workspace, "files.write", new { path = $"written-{caller}.txt", content = $"{n}" }));
            }
            run.Row("memory of the process | idle MB | after the load MB | at most MB", gateway.Name, Number(idle), Number(gateway.Megabytes.Now), Number(gateway.Megabytes.Peak));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task Measure(BenchmarkRun run, GatewayProcess gateway, string what, int callers, Func<int, int, Task> call)
    {
        await new Sample().Add(callers, run.Duration / 4, 1, call);
        var (sample, before) = (new Sample(), gateway.Processor);
        for (var round = 0; round < run.Rounds; round++)
        {
            await sample.Add(callers, run.Duration, 1, call);
        }
        run.Latencies($"{gateway.Name}: {what}, {Number((gateway.Processor - before).TotalMicroseconds / sample.Count)} µs of CPU each", sample);
    }

    private static async Task Call(GatewayProcess gateway, Guid workspace, string tool, object arguments)
    {
        using var response = await gateway.Http.PostAsJsonAsync("/v1/invocations", new { workspace, tool, arguments });
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        if (!answer.TryGetProperty("outcome", out var outcome) || outcome.ValueKind != JsonValueKind.Object || outcome.GetProperty("status").GetString() != "completed")
        {
            throw new InvalidOperationException($"The call did not complete: {answer}");
        }
    }

    private static string Number(double value) => value.ToString("0", CultureInfo.InvariantCulture);
}
