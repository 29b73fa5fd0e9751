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

    // On demand (-explicit on): the suite starts a Node.js for each of seventy scenarios at once, and on two cores some of its time limits pass now and then.
    [Fact(Explicit = true)]
    public Task The_client_passes_the_suite_of_the_sessions() => ClientPasses("conformance-0-1", "--suite", "core");

    [Fact(Explicit = true)]
    public Task The_client_passes_what_2025_11_25_requires() => ClientPasses("conformance-0-2", "--requirements", "2025-11-25");

    [Fact(Explicit = true)]
    public Task The_client_passes_what_2026_07_28_requires() => ClientPasses("conformance-0-2", "--requirements", "2026-07-28");

    private async Task ClientPasses(string suite, params string[] which)
    {
        Assert.SkipWhen(ConformanceSuite.Missing is not null, ConformanceSuite.Missing ?? "");
        await using var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: suite, tools: ['suite-*'], verdict: allow, because: the suite may }]", "test", expected: null, Ct);
        using var folder = new TestFolder();
        Directory.CreateSymbolicLink(folder.Of("node_modules"), Path.Combine(await NpmPackages.Ensure(Path.GetDirectoryName(McpHost.Here())!, Ct), "node_modules"));
        File.Copy(Path.Combine(McpHost.Here(), "under-test.mjs"), folder.Of("under-test.mjs"));

        var command = $"node {folder.Of("under-test.mjs")} {gateway.Url} {GatewayService.Token("owner")} {GatewayService.Token("agent")}";
        var (passed, said) = await Run(suite, ["client", "--command", command, .. which, "--expected-failures", ConformanceSuite.Expected(suite, which[^1])], Ct);

        Assert.True(passed, said);
    }

    private async Task Passes(string server, string suite, params string[] which)
    {
        Assert.SkipWhen(ConformanceSuite.Missing is not null, ConformanceSuite.Missing ?? "");
        await using var behind = await ConformanceServer.Start();
        await using var gateway = await GatewayService.Start(servers, anonymousIs: "agent");
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: suite, tools: [suite.*], verdict: allow, because: the suite may }]", "test", expected: null, Ct);
        await gateway.Services.GetRequiredService<McpServerBook>().Set([("suite", ReadMcpServers.One("suite", JsonSerializer.SerializeToElement(new { url = new Uri(behind.Url, server), trusted = true })))], "test", Ct);

        var (passed, said) = await Run(suite, ["server", "--url", new Uri(gateway.Url, "mcp/servers/suite").ToString(), .. which, "--expected-failures", ConformanceSuite.Expected(suite, which[^1])], Ct);

        Assert.True(passed, said);
    }

    // The suite has time limits of its own, in tenths of a second, and takes log lines that come behind the answer for missing: what fails is seen twice.
    private static async Task<(bool Passed, string Said)> Run(string suite, string[] arguments, CancellationToken ct)
    {
        var first = await ConformanceSuite.Run(suite, arguments, ct);
        return first.Passed ? first : await ConformanceSuite.Run(suite, arguments, ct);
    }
}
