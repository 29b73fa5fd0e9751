using System.Net;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Policy;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>The gateway as an MCP server: any client gets the tools that it may ask for, with policy and ledger.</summary>
public sealed class EndpointTests(Servers servers) : IClassFixture<Servers>
{
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

    private static async Task<HttpStatusCode> Post(HttpClient http, string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}""", Encoding.UTF8, "application/json"),
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
