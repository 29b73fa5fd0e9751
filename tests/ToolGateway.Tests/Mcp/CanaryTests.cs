using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>A secret of the vault that a tool uses is in that tool's process, and nowhere else that can be read.</summary>
public sealed class CanaryTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_secret_that_a_server_uses_and_tells_and_dies_with_is_in_no_table_log_line_span_or_message_and_in_no_other_process()
    {
        var canary = $"canary-{Guid.NewGuid():N}";
        var said = new ConcurrentQueue<string>();
        using var log = new Lines(said);
        using var spans = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span => said.Enqueue($"span {span.DisplayName} {span.StatusDescription} {string.Join(' ', span.TagObjects)} {string.Join(' ', span.Events.SelectMany(e => e.Tags))} {string.Join(' ', span.Baggage)}"),
        };
        ActivitySource.AddActivityListener(spans);
        await using var host = await McpHost.Start(servers, log);
        using var messages = host.Gateway.Nats.Subscribe(">", (subject, _, bytes) => said.Enqueue($"message {subject} {Encoding.UTF8.GetString(bytes)}"));
        await host.Gateway.Secrets.Set("probe-key", canary, "ann", Ct);
        await host.AddProbe(env: new { PROBE = host.Folder, KEY = new Dictionary<string, string> { ["$secret"] = "probe-key", ["prefix"] = "Bearer " } });
        var other = Directory.CreateDirectory(Path.Combine(host.Folder, "other")).FullName;
        File.SetUnixFileMode(other, (UnixFileMode)0b111_111_111);
        await host.Add("other", new { command = "node", args = new[] { host.Script("probe.mjs") }, env = new { PROBE = other }, sandbox = new { writable = new[] { other } } });

        await host.Call("other.count");
        var told = await host.Call("probe-server.environment");
        var holders = Processes().Where(process => process.Environment.Contains(canary, StringComparison.Ordinal)).ToArray();
        var died = await host.Call("probe-server.die");

        Assert.Contains("[secret probe-key]", McpServerTests.Text(told), StringComparison.Ordinal);
        Assert.Equal("unknown_outcome", died.Error?.Class);
        Assert.NotEmpty(holders);
        Assert.All(holders, holder => Assert.Contains(host.Script("probe.mjs"), holder.CommandLine, StringComparison.Ordinal));
        Assert.DoesNotContain(Processes(), process => process.CommandLine.Contains(canary, StringComparison.Ordinal));
        await Eventually.True(() => Task.FromResult(said.Any(line => line.StartsWith("message events.toolgateway.toolcall.settled", StringComparison.Ordinal))), "the news of the outcomes");
        Assert.Contains(said, line => line.StartsWith("span execute_tool", StringComparison.Ordinal));
        Assert.Contains(said, line => line.StartsWith("log ", StringComparison.Ordinal) && line.Contains("probe-server", StringComparison.Ordinal));
        Assert.DoesNotContain(said, line => line.Contains(canary, StringComparison.Ordinal));
        var tables = await host.Gateway.Everything();
        Assert.Contains("invocation-settled.1", tables, StringComparison.Ordinal);
        Assert.DoesNotContain(canary, tables, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(canary)), tables, StringComparison.Ordinal);
    }

    private static IEnumerable<(string CommandLine, string Environment)> Processes() => Directory.EnumerateDirectories("/proc")
        .Where(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out _))
        .Select(folder => (Read($"{folder}/cmdline"), Read($"{folder}/environ")));

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is not ours.
            return "";
        }
    }

    private sealed class Lines(ConcurrentQueue<string> said) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            said.Enqueue($"log scope {state}");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => said.Enqueue($"log {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
