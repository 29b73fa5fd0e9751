using System.Net;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Tests.Mcp.Conformance;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>The gateway as an MCP server: any client gets the tools that it may ask for, with policy and ledger.</summary>
public sealed class EndpointTests(Servers servers) : IClassFixture<Servers>
{
    private const string Initialize =
        """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_of_the_official_sdk_lists_and_calls_tools_in_a_workspace_of_its_own()
    {
        await using var gateway = await GatewayService.Start(servers);
        await using var client = await Connect(gateway, "agent");

        var tools = (await client.ListToolsAsync(cancellationToken: Ct)).Select(tool => tool.Name).ToArray();
        Assert.Contains("files.read", tools);
        Assert.Contains("invocations.result", tools);

        await Call(client, "files.write", new { path = "a.txt", content = "hello" });
        var read = await Call(client, "files.read", new { path = "a.txt" });
        Assert.NotEqual(true, read.IsError);
        Assert.Contains("hello", Text(read), StringComparison.Ordinal);
        await using var other = await Connect(gateway, "owner");
        Assert.Contains("a.txt", Text(await Call(other, "files.read", new { path = "a.txt" })), StringComparison.Ordinal);
        Assert.True((await Call(other, "files.read", new { path = "a.txt" })).IsError);
    }

    [Fact]
    public async Task A_call_that_policy_asks_about_is_pending_with_its_request_and_its_result_is_told_to_who_asked_only()
    {
        await using var gateway = await GatewayService.Start(servers);
        await using var client = await Connect(gateway, "agent");
        await Call(client, "files.write", new { path = "a.txt", content = "hello" });

        var held = await Call(client, "files.delete", new { path = "a.txt" });
        var about = held.StructuredContent!.Value;
        var invocation = about.GetProperty("invocation").GetString()!;

        Assert.Equal("waiting_approval", about.GetProperty("state").GetString());
        Assert.Contains($"request {about.GetProperty("request").GetString()}", Text(held), StringComparison.Ordinal);
        Assert.Equal("waiting_approval", (await Call(client, "invocations.result", new { invocation })).StructuredContent!.Value.GetProperty("state").GetString());
        await using var other = await Connect(gateway, "owner");
        Assert.Contains("You made no call", Text(await Call(other, "invocations.result", new { invocation })), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tools_that_policy_denies_to_a_role_are_not_offered_and_calling_them_is_denied_all_the_same()
    {
        await using var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set(
            """
            rules:
              - { name: files, tools: [files.*], verdict: allow, because: in the workspace }
              - { name: no-writes, tools: [files.write], roles: [agent], verdict: deny, because: agents only look }
            """, "test", expected: null, Ct);
        await using var client = await Connect(gateway, "agent");

        var tools = (await client.ListToolsAsync(cancellationToken: Ct)).Select(tool => tool.Name).ToArray();
        var denied = await Call(client, "files.write", new { path = "a.txt", content = "hello" });

        Assert.Contains("files.read", tools);
        Assert.DoesNotContain("files.write", tools);
        Assert.DoesNotContain("shell.run", tools);
        Assert.True(denied.IsError);
        Assert.Equal("Policy says no (no-writes): agents only look", Text(denied));
    }

    [Fact]
    public async Task Who_may_not_call_tools_gets_no_answer_and_pages_of_others_neither()
    {
        await using var gateway = await GatewayService.Start(servers);

        Assert.Equal(HttpStatusCode.Unauthorized, await Post(new HttpClient { BaseAddress = gateway.Url }));
        Assert.Equal(HttpStatusCode.Forbidden, await Post(gateway.As("viewer")));
        Assert.Equal(HttpStatusCode.Forbidden, await Post(gateway.As("agent"), "https://evil.example"));
        Assert.Equal(HttpStatusCode.OK, await Post(gateway.As("agent"), "http://localhost:5173"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await gateway.As("agent").GetAsync("/mcp", Ct)).StatusCode);
    }

    [Fact]
    public async Task The_typescript_sdk_is_served_too()
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        await using var gateway = await GatewayService.Start(servers);
        using var folder = new TestFolder();
        Directory.CreateSymbolicLink(folder.Of("node_modules"), Path.Combine(await NpmPackages.Ensure(McpHost.Here(), Ct), "node_modules"));
        File.Copy(Path.Combine(McpHost.Here(), "client.mjs"), folder.Of("client.mjs"));

        var said = await NpmPackages.Run("node", ["client.mjs", new Uri(gateway.Url, "mcp").ToString(), GatewayService.Token("agent")], folder.Path, Ct);

        using var seen = JsonDocument.Parse(string.Concat(said));
        Assert.Contains("files.read", seen.RootElement.GetProperty("tools").EnumerateArray().Select(name => name.GetString()));
        Assert.Contains("written over MCP", seen.RootElement.GetProperty("read").GetRawText(), StringComparison.Ordinal);
        Assert.Equal("waiting_approval", seen.RootElement.GetProperty("still").GetProperty("structuredContent").GetProperty("state").GetString());
        Assert.True(seen.RootElement.GetProperty("wrong").GetProperty("isError").GetBoolean());
    }

    [Fact]
    public async Task The_inspector_lists_and_calls_tools()
    {
        Assert.SkipWhen(ConformanceSuite.Missing is not null, ConformanceSuite.Missing ?? "");

        // It cannot be given a header.
        await using var gateway = await GatewayService.Start(servers, anonymousIs: "agent");
        var url = new Uri(gateway.Url, "mcp").ToString();

        var listed = await ConformanceSuite.Inspect([url, "--transport", "http", "--method", "tools/list"], Ct);
        var called = await ConformanceSuite.Inspect([url, "--transport", "http", "--method", "tools/call", "--tool-name", "files.write", "--tool-arg", "path=a.txt", "--tool-arg", "content=inspected"], Ct);

        Assert.Contains("files.read", listed.GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString()));
        Assert.Equal("a.txt", called.GetProperty("structuredContent").GetProperty("path").GetString());
    }

    [Fact]
    public async Task A_session_is_its_principals_own_and_ends_when_it_is_deleted()
    {
        await using var gateway = await GatewayService.Start(servers);
        using var agent = gateway.As("agent");
        var session = await Open(agent);

        Assert.Equal(HttpStatusCode.OK, await In(session, agent, HttpMethod.Post));
        using var owner = gateway.As("owner");
        Assert.Equal(HttpStatusCode.NotFound, await In(session, owner, HttpMethod.Post));
        Assert.Equal(HttpStatusCode.NotFound, await In(session, owner, HttpMethod.Delete));
        Assert.Equal(HttpStatusCode.NoContent, await In(session, agent, HttpMethod.Delete));
        Assert.Equal(HttpStatusCode.NotFound, await In(session, agent, HttpMethod.Post));
    }

    [Fact]
    public async Task An_answer_that_was_lost_on_the_way_comes_again_to_who_names_the_last_event()
    {
        await using var gateway = await GatewayService.Start(servers);
        using var agent = gateway.As("agent");
        var session = await Open(agent);
        using var asked = Message("""{"jsonrpc":"2.0","id":"the-answer","method":"tools/list"}""", session);
        using var answer = await agent.SendAsync(asked, Ct);
        var first = (await answer.Content.ReadAsStringAsync(Ct)).Split('\n').First(line => line.StartsWith("id:", StringComparison.Ordinal))["id:".Length..].Trim();

        using var again = new HttpRequestMessage(HttpMethod.Get, "/mcp") { Headers = { { "Mcp-Session-Id", session }, { "Last-Event-ID", first } } };
        using var resumed = await agent.SendAsync(again, Ct);
        using var unknown = new HttpRequestMessage(HttpMethod.Get, "/mcp") { Headers = { { "Mcp-Session-Id", session }, { "Last-Event-ID", "nonsense" } } };
        using var refused = await agent.SendAsync(unknown, Ct);

        Assert.Contains("the-answer", await resumed.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Fact]
    public async Task A_client_that_leaves_a_request_that_stands_for_itself_stops_its_call()
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        await using var gateway = await GatewayService.Start(servers);
        using var folder = new TestFolder();
        await Probe(gateway, folder);
        using var agent = gateway.As("agent");
        using var leaves = new CancellationTokenSource();
        using var asked = Message("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"probe.wait","arguments":{}}}""");

        var waiting = agent.SendAsync(asked, HttpCompletionOption.ResponseContentRead, leaves.Token);
        await Eventually.True(() => Task.FromResult(Did(folder, "wait")), "the call at the server");
        await leaves.CancelAsync();

        await Eventually.True(() => Task.FromResult(Did(folder, "cancelled")), "the cancellation at the server");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task A_session_whose_connection_broke_goes_on_with_its_call_until_the_client_cancels_it()
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        await using var gateway = await GatewayService.Start(servers);
        using var folder = new TestFolder();
        await Probe(gateway, folder);
        using var agent = gateway.As("agent");
        var session = await Open(agent);
        using var breaks = new CancellationTokenSource();
        using var asked = Message("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"probe.wait","arguments":{}}}""", session);

        var waiting = agent.SendAsync(asked, HttpCompletionOption.ResponseContentRead, breaks.Token);
        await Eventually.True(() => Task.FromResult(Did(folder, "wait")), "the call at the server");
        await breaks.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(HttpStatusCode.OK, await In(session, agent, HttpMethod.Post));
        Assert.False(Did(folder, "cancelled"));
        using var cancel = Message("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}""", session);
        using var taken = await agent.SendAsync(cancel, Ct);

        Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
        await Eventually.True(() => Task.FromResult(Did(folder, "cancelled")), "the cancellation at the server");
    }

    [Fact]
    public async Task A_server_behind_the_gateway_is_configured_over_http_and_its_results_come_through_as_they_are()
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        await using var gateway = await GatewayService.Start(servers);
        using var folder = new TestFolder();
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);
        Directory.CreateDirectory(folder.Of("program"));
        File.Copy(Path.Combine(McpHost.Here(), "probe.mjs"), folder.Of("program/probe.mjs"));
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: probe, tools: [probe.*], verdict: allow, because: because }]", "test", expected: null, Ct);
        var owner = gateway.Api("owner");
        owner.Authorization = $"Bearer {GatewayService.Token("owner")}";

        var imported = await owner.ImportMcpServers(
            JsonSerializer.SerializeToElement(new { mcpServers = new { probe = new { command = "node", args = new[] { folder.Of("program/probe.mjs") }, env = new { PROBE = folder.Path }, sandbox = new { writable = new[] { folder.Path } } } } }), Ct);
        await using var client = await Connect(gateway, "agent");
        var tools = (await client.ListToolsAsync(cancellationToken: Ct)).Select(tool => tool.Name).ToArray();
        var counted = await Call(client, "probe.count", new { word = "through" });
        await owner.DeleteMcpServer("probe", Ct);

        Assert.Equal(("probe", "stdio"), Assert.Single(imported.Items) is var view ? (view.Name, view.Transport) : default);
        Assert.Contains("probe.count", tools);
        Assert.Equal("counted through\uFFFD", Text(counted));
        Assert.Empty((await owner.ListMcpServers(Ct)).Items);
    }

    private static async Task<McpClient> Connect(GatewayService gateway, string role) => await McpClient.CreateAsync(
        new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(gateway.Url, "mcp"), TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {GatewayService.Token(role)}" },
        }),
        cancellationToken: Ct);

    private static async Task<CallToolResult> Call(McpClient client, string tool, object arguments) => await client.CallToolAsync(
        tool, JsonSerializer.SerializeToElement(arguments).EnumerateObject().ToDictionary(m => m.Name, m => (object?)m.Value, StringComparer.Ordinal), cancellationToken: Ct);

    private static string Text(CallToolResult result) => ((TextContentBlock)result.Content[0]).Text;

    private static async Task Probe(GatewayService gateway, TestFolder folder)
    {
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: probe, tools: [probe.*], verdict: allow, because: because }]", "test", expected: null, Ct);
        await gateway.Services.GetRequiredService<McpServerBook>().Set(
            [("probe", ReadMcpServers.One("probe", JsonSerializer.SerializeToElement(new
            {
                command = "node", args = new[] { McpHost.Script(folder, "probe.mjs") }, env = new { PROBE = folder.Path }, sandbox = new { writable = new[] { folder.Path } },
            })))], "ann", Ct);
    }

    private static bool Did(TestFolder folder, string what) => File.Exists(folder.Of("effects")) && File.ReadAllLines(folder.Of("effects")).Contains(what);

    private static async Task<string> Open(HttpClient http)
    {
        using var request = Message(Initialize);
        using var response = await http.SendAsync(request, Ct);
        return response.Headers.GetValues("Mcp-Session-Id").Single();
    }

    private static async Task<HttpStatusCode> In(string session, HttpClient http, HttpMethod method)
    {
        using var request = method == HttpMethod.Post ? Message("""{"jsonrpc":"2.0","id":2,"method":"ping"}""", session) : new HttpRequestMessage(method, "/mcp") { Headers = { { "Mcp-Session-Id", session } } };
        using var response = await http.SendAsync(request, Ct);
        return response.StatusCode;
    }

    private static HttpRequestMessage Message(string message, string? session = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent(message, Encoding.UTF8, "application/json") };
        if (session is not null)
        {
            request.Headers.Add("Mcp-Session-Id", session);
        }

        return request;
    }

    private static async Task<HttpStatusCode> Post(HttpClient http, string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent(Initialize, Encoding.UTF8, "application/json"),
        };
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        using var response = await http.SendAsync(request, Ct);
        http.Dispose();
        return response.StatusCode;
    }
}
