using System.Text.Json;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using Microsoft.Extensions.DependencyInjection;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>The official conformance suite against <c>/mcp/servers/NAME</c>: everything it asks goes through policy and ledger to the server behind. What is known not to pass is in <c>expected-failures</c>.</summary>
public sealed class ConformanceTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_server_of_the_sessions_passes_the_suite_of_its_time() => Passes("sessions", "conformance-0-1", "--suite", "all");

    [Fact]
    public Task A_server_of_the_sessions_passes_what_2025_11_25_requires() => Passes("sessions", "conformance-0-2", "--requirements", "2025-11-25");

    [Fact]
    public Task A_stateless_server_passes_what_2026_07_28_requires() => Passes("stateless", "conformance-0-2", "--requirements", "2026-07-28");

    [Fact]
    public Task The_client_passes_the_suite_of_the_sessions() => ClientPasses("conformance-0-1", "--suite", "core");

    [Fact]
    public Task The_client_passes_what_2025_11_25_requires() => ClientPasses("conformance-0-2", "--requirements", "2025-11-25");

    [Fact]
    public Task The_client_passes_what_2026_07_28_requires() => ClientPasses("conformance-0-2", "--requirements", "2026-07-28");

    [Theory]
    [InlineData("conformance-0-1")]
    [InlineData("conformance-0-2")]
    public async Task The_client_waits_as_long_as_a_server_that_ends_a_stream_asks_for_and_goes_on_where_it_was(string suite)
    {
        Assert.SkipWhen(ConformanceSuite.Missing is not null, ConformanceSuite.Missing ?? "");
        await using var gateway = await Gateway();
        await using var client = await ClientUnderTest.Start(gateway, isAlone: true);

        var checks = await ConformanceSuite.Checks(suite, client.Command, ClientUnderTest.Paced, Ct);

        // The suite warns of 200 ms more than it asked for, which a busy machine takes (230 ms were seen at a load of 50); what the revision forbids is to come too early.
        var (status, timing) = checks["client-sse-retry-timing"];
        Assert.True(status is "SUCCESS" or "WARNING" && timing.GetProperty("actualDelayMs").GetInt32() >= timing.GetProperty("minAcceptableMs").GetInt32(), $"{status} {timing}");
        Assert.Equal("SUCCESS", checks["client-sse-graceful-reconnect"].Status);
        Assert.Equal("SUCCESS", checks["client-sse-last-event-id"].Status);
    }

    private async Task<GatewayService> Gateway()
    {
        var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: suite, tools: ['suite-*'], verdict: allow, because: the suite may }]", "test", expected: null, Ct);
        return gateway;
    }

    private async Task ClientPasses(string suite, params string[] which)
    {
        Assert.SkipWhen(ConformanceSuite.Missing is not null, ConformanceSuite.Missing ?? "");
        await using var gateway = await Gateway();
        await using var client = await ClientUnderTest.Start(gateway);

        // All scenarios begin at once, so the time of each has that of the others in it.
        var (passed, said) = await ConformanceSuite.Run(suite, ["client", "--command", client.Command, "--timeout", "240000", .. which, "--expected-failures", ConformanceSuite.Expected(suite, which[^1])], Ct);

        Assert.True(passed, said);
    }

    private async Task Passes(string server, string suite, params string[] which)
    {
        Assert.SkipWhen(ConformanceSuite.Missing is not null, ConformanceSuite.Missing ?? "");
        await using var behind = await ConformanceServer.Start();
        await using var gateway = await GatewayService.Start(servers, anonymousIs: "agent");
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: suite, tools: [suite.*], verdict: allow, because: the suite may }]", "test", expected: null, Ct);
        await gateway.Services.GetRequiredService<McpServerBook>().Set([("suite", ReadMcpServers.One("suite", JsonSerializer.SerializeToElement(new { url = new Uri(behind.Url, server), trusted = true })))], "test", Ct);

        var (passed, said) = await ConformanceSuite.Run(suite, ["server", "--url", new Uri(gateway.Url, "mcp/servers/suite").ToString(), .. which, "--expected-failures", ConformanceSuite.Expected(suite, which[^1])], Ct);

        Assert.True(passed, said);
    }
}
