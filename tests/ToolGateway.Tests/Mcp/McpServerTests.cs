using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>Tools of an MCP server go the way of every tool.</summary>
public sealed class McpServerTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_is_started_by_the_first_list_its_tools_are_pinned_and_can_be_called_by_name_and_by_id()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();
        Assert.Equal((McpServerState.Idle, 0), (await host.View()) is var idle ? (idle.State, idle.Tools.Length) : default);

        var tools = await host.Tools("probe-server");

        Assert.Equal(["big", "change", "count", "die", "die_reading", "environment", "tell", "wait"], tools.Select(id => id["probe-server.".Length..^"@1".Length]).Order(StringComparer.Ordinal));
        Assert.Equal("counted a\uFFFD", Text(await host.Call("probe-server.count", new { word = "a" })));
        Assert.Equal("counted b\uFFFD", Text(await host.Call("probe-server.count@1", new { word = "b" })));
        Assert.Equal(["start", "count", "count"], host.Effects);
        Assert.Equal(McpServerState.Running, (await host.View()).State);
    }

    [Fact]
    public async Task The_first_call_starts_a_server_too_and_arguments_are_checked_before_it_hears_of_them()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();

        Assert.Equal("invalid_arguments", (await host.Call("probe-server.count", new { number = 1 })).Error?.Class);
        Assert.Equal(["start"], host.Effects);
    }

    [Fact]
    public async Task What_a_server_says_about_itself_makes_nothing_easier_unless_it_is_trusted()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();
        await host.Tools("probe-server");
        Assert.Equal((false, true, true), Traits("probe-server.environment"));

        await host.AddProbe(trusted: true);
        await host.Tools("probe-server");

        Assert.Equal((true, false, false), Traits("probe-server.environment"));
        Assert.Equal((false, true, true), Traits("probe-server.count"));

        (bool, bool, bool) Traits(string tool) => host.Gateway.Registry.Find(tool)!.Spec is var spec ? (spec.ReadOnly, spec.Destructive, spec.OpenWorld) : default;
    }

    [Fact]
    public async Task A_call_whose_server_died_is_left_to_a_human_and_the_next_call_starts_the_server_again()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();

        var died = await host.Call("probe-server.die");

        Assert.Equal((ToolOutcomeStatus.NeedsReconcile, "unknown_outcome"), (died.Status, died.Error?.Class));
        Assert.Equal(ToolOutcomeStatus.Completed, (await host.Call("probe-server.count")).Status);
        Assert.Equal(["start", "die", "start", "count"], host.Effects);
    }

    [Fact]
    public async Task A_call_of_a_trusted_server_that_only_reads_has_failed_when_the_server_died()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe(trusted: true);

        var died = await host.Call("probe-server.die_reading");

        Assert.Equal((ToolOutcomeStatus.Failed, true), (died.Status, died.Error?.Retryable));
    }

    [Fact]
    public async Task Progress_is_live_and_a_cancelled_call_is_cancelled_at_the_server()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();
        await host.Tools("probe-server");
        var lines = new ConcurrentQueue<string>();
        using var listening = host.Gateway.Nats.Subscribe("live.tool.>", (_, _, bytes) => lines.Enqueue(Encoding.UTF8.GetString(bytes)));

        var call = await host.Begin("probe-server.wait");
        await Eventually.True(() => Task.FromResult(host.Effects.Contains("wait")), "the call at the server");
        await Eventually.True(() => Task.FromResult(lines.Contains("1/2 half")), "its progress");
        await host.Gateway.Send(new CancelInvocation(call, "nobody waits"));

        Assert.Equal(ToolOutcomeStatus.Cancelled, (await host.Gateway.Ended(call)).Outcome.Status);
        await Eventually.True(() => Task.FromResult(host.Effects.Contains("cancelled")), "the cancellation at the server");
    }

    [Fact]
    public async Task A_call_that_takes_longer_than_it_may_is_left_to_a_human_and_cancelled_at_the_server_which_goes_on()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();
        await host.Tools("probe-server");

        var late = await host.Call("probe-server.wait", timeoutSeconds: 0.5);

        Assert.Equal((ToolOutcomeStatus.NeedsReconcile, "unknown_outcome"), (late.Status, late.Error?.Class));
        Assert.Contains("did not answer within 0.5 s", late.Error!.Message, StringComparison.Ordinal);
        await Eventually.True(() => Task.FromResult(host.Effects.Contains("cancelled")), "the cancellation at the server");
        Assert.Equal(ToolOutcomeStatus.Completed, (await host.Call("probe-server.count")).Status);
        Assert.Single(host.Effects, "start");
    }

    [Fact]
    public async Task A_server_over_http_that_dies_in_the_middle_of_a_call_leaves_it_to_a_human_and_is_asked_again_when_it_is_back()
    {
        await using var host = await McpHost.Start(servers);
        var behind = await ConformanceServer.Start();
        var port = behind.Url.Port;
        await host.Add("remote", new { url = new Uri(behind.Url, "stateless") });
        await host.Tools("remote");

        var call = await host.Begin("remote.test_hang");
        await behind.Hanging;
        await behind.DisposeAsync();

        var outcome = (await host.Gateway.Ended(call)).Outcome;
        Assert.Equal((ToolOutcomeStatus.NeedsReconcile, "unknown_outcome"), (outcome.Status, outcome.Error?.Class));
        await using var back = await ConformanceServer.Start(port);
        Assert.Equal(ToolOutcomeStatus.Completed, (await host.Call("remote.test_simple_text")).Status);
    }

    [Fact]
    public async Task A_server_gets_an_environment_from_nothing_and_the_secrets_it_was_given_which_come_out_nowhere()
    {
        const string canary = "canary-5b0c1d\"9";
        await using var host = await McpHost.Start(servers);
        await host.Gateway.Secrets.Set("probe-key", canary, "ann", Ct);
        await host.AddProbe(env: new { PROBE = host.Folder, KEY = new Dictionary<string, string> { ["$secret"] = "probe-key", ["prefix"] = "Bearer " } });

        var outcome = await host.Call("probe-server.environment");

        using var environment = JsonDocument.Parse(Text(outcome));
        Assert.Equal(["HOME", "KEY", "LANG", "LC_ALL", "PATH", "PROBE", "PWD", "TMPDIR", "TZ"], environment.RootElement.EnumerateObject().Select(v => v.Name).Order(StringComparer.Ordinal));
        Assert.Equal("Bearer [secret probe-key]", environment.RootElement.GetProperty("KEY").GetString());
        Assert.DoesNotContain("canary-5b0c1d", await host.Gateway.Everything(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_whose_secret_is_missing_says_so()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe(env: new Dictionary<string, object> { ["KEY"] = new Dictionary<string, string> { ["$secret"] = "absent" } });

        await host.Tools("probe-server");

        Assert.Equal((McpServerState.Failed, "it needs the secret 'absent', which is not there; keep it with PUT /v1/secrets/absent"), (await host.View()) is var view ? (view.State, view.Trouble) : default);
    }

    [Fact]
    public async Task A_long_result_becomes_a_file_of_the_workspace()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();

        var outcome = await host.Call("probe-server.big");

        Assert.Equal(ToolOutcomeStatus.Completed, outcome.Status);
        var file = Assert.Single(outcome.Artifacts);
        Assert.True(file.Bytes > 300_000);
        Assert.Equal(file.Path, outcome.Content.GetProperty("path").GetString());
    }

    [Fact]
    public async Task A_server_that_was_taken_away_has_no_tools_any_more()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe();
        await host.Tools("probe-server");

        await host.Gateway.McpServers.Remove("probe-server", "ann", Ct);

        Assert.Equal("not_found", (await host.Call("probe-server.count")).Error?.Class);
        Assert.Empty(await host.Tools("probe-server"));
    }

    internal static string Text(ToolOutcome outcome) => outcome.Content.GetProperty("content")[0].GetProperty("text").GetString()!;
}
