using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Callers;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Tests.Mcp.Conformance;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>A server behind the gateway under its own names is the same server under the same policy.</summary>
public sealed class OneServerTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sessions", "2025-11-25")]
    [InlineData("sessions", "2026-07-28")]
    [InlineData("stateless", "2025-11-25")]
    [InlineData("stateless", "2026-07-28")]
    public async Task What_a_server_of_either_era_asks_is_answered_by_the_client_of_either_era_that_made_the_call(string server, string client)
    {
        await using var behind = await ConformanceServer.Start();
        await using var gateway = await Start(behind, server, "rules: [{ name: suite, tools: [suite.*], verdict: allow, because: the suite may }]");
        var progress = new ConcurrentQueue<float>();
        await using var agent = await Connect(gateway, client, asked => new ElicitResult { Action = "accept", Content = new Dictionary<string, JsonElement> { ["response"] = JsonSerializer.SerializeToElement($"re: {asked.Message}") } });

        var answered = await agent.CallToolAsync("test_elicitation", new Dictionary<string, object?> { ["message"] = "Which one?" }, cancellationToken: Ct);
        var told = await agent.CallToolAsync("test_tool_with_progress", progress: new Heard(progress), cancellationToken: Ct);

        Assert.Contains("re: Which one?", ((TextContentBlock)answered.Content[0]).Text, StringComparison.Ordinal);
        Assert.Equal("done", ((TextContentBlock)told.Content[0]).Text);

        // The SDK hands each one to a task of its own, so they may be seen in another order, and after the result.
        await Eventually.True(() => Task.FromResult(progress.Count == 3), "all of the progress");
        Assert.Equal([0, 50, 100], progress.Order());
    }

    [Fact]
    public async Task What_policy_denies_is_denied_there_too_and_every_call_and_read_is_on_record()
    {
        await using var behind = await ConformanceServer.Start();
        await using var gateway = await Start(
            behind,
            "stateless",
            """
            rules:
              - { name: suite, tools: [suite.*], verdict: allow, because: the suite may }
              - { name: no-pictures, tools: [suite.test_image_content], verdict: deny, because: nobody looks }
              - { name: no-reading, tools: ['suite.resources:read', 'suite.resources:list'], verdict: deny, because: nobody reads }
            """);
        await using var agent = await Connect(gateway, "2026-07-28", _ => new ElicitResult());

        var tools = (await agent.ListToolsAsync(cancellationToken: Ct)).Select(tool => tool.Name).ToArray();
        var denied = await agent.CallToolAsync("test_image_content", cancellationToken: Ct);
        var unread = await Assert.ThrowsAsync<McpProtocolException>(async () => await agent.ReadResourceAsync("test://static-text", cancellationToken: Ct));
        await agent.GetPromptAsync("test_simple_prompt", cancellationToken: Ct);

        Assert.Contains("test_simple_text", tools);
        Assert.DoesNotContain("test_image_content", tools);
        Assert.DoesNotContain("resources:read", tools);
        Assert.True(denied.IsError);
        Assert.Equal("Policy says no (no-pictures): nobody looks", ((TextContentBlock)denied.Content[0]).Text);
        Assert.Contains("Policy says no (no-reading): nobody reads", unread.Message, StringComparison.Ordinal);
        Assert.Empty(await agent.ListResourcesAsync(cancellationToken: Ct));
        using var http = gateway.As("owner");
        await Eventually.True(async () => (await http.GetStringAsync("/v1/tools/usage", Ct)).Contains("suite.prompts:get", StringComparison.Ordinal), "the prompt on record");
    }

    [Fact]
    public void A_state_is_good_for_the_same_call_of_the_same_principal_only()
    {
        var states = new RequestStates(new MasterKey(new byte[32]));
        var ann = new Caller("ann", "agent", new WorkspaceId(Guid.NewGuid()));
        var arguments = JsonSerializer.SerializeToElement(new { a = 1, b = 2 });
        var state = new CallState(InvocationId.New(), "ask");
        var text = states.Seal(state, RequestStates.About(ann, "suite.one", arguments));

        Assert.Equal(state, states.Open(text, RequestStates.About(ann, "suite.one", JsonSerializer.SerializeToElement(new { b = 2, a = 1 }))));
        Assert.Throws<McpProtocolException>(() => states.Open(text, RequestStates.About(ann with { Name = "bob" }, "suite.one", arguments)));
        Assert.Throws<McpProtocolException>(() => states.Open(text, RequestStates.About(ann, "suite.two", arguments)));
        Assert.Throws<McpProtocolException>(() => states.Open(text, RequestStates.About(ann, "suite.one", JsonSerializer.SerializeToElement(new { a = 1 }))));
        Assert.Throws<McpProtocolException>(() => states.Open(text + "x", RequestStates.About(ann, "suite.one", arguments)));
    }

    private async Task<GatewayService> Start(ConformanceServer behind, string server, string policy)
    {
        var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set(policy, "test", expected: null, Ct);
        await gateway.Services.GetRequiredService<McpServerBook>().Set([("suite", ReadMcpServers.One("suite", JsonSerializer.SerializeToElement(new { url = new Uri(behind.Url, server), trusted = true })))], "test", Ct);
        return gateway;
    }

    private static async Task<McpClient> Connect(GatewayService gateway, string version, Func<ElicitRequestParams, ElicitResult> answer) => await McpClient.CreateAsync(
        new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(gateway.Url, "mcp/servers/suite"), TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {GatewayService.Token("agent")}" },
        }),
        new McpClientOptions { ProtocolVersion = version, Handlers = new McpClientHandlers { ElicitationHandler = (asked, _) => ValueTask.FromResult(answer(asked!)) } },
        cancellationToken: Ct);

    private sealed class Heard(ConcurrentQueue<float> heard) : IProgress<ProgressNotificationValue>
    {
        public void Report(ProgressNotificationValue value) => heard.Enqueue(value.Progress);
    }
}
