using System.Net;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Policy;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>A server that wants somebody to sign in says so, and what that gave is nobody's to see.</summary>
public sealed class SignInTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_is_signed_in_at_once_by_an_owner_and_then_used_by_agents_who_never_see_what_for()
    {
        await using var behind = await SignInServer.Start();
        await using var gateway = await Start(behind);
        var api = gateway.Api("owner");

        // Nobody waits for a human: what it has is not known yet, and it says why.
        Assert.Equal("not_found", (await Call(gateway)).Error?.Class);
        Assert.Equal("it waits for somebody to sign in; run: agentctl mcp login signed", (await api.GetMcpServer("signed", Ct)).Trouble);

        var login = await api.LoginMcpServer("signed", Ct);
        Assert.False(login.SignedIn);
        Assert.Equal(HttpStatusCode.BadRequest, (await Open($"{gateway.Url}oauth/callback?code=x&state=guessed")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await SignIn(login)).StatusCode);
        await SignedIn(api);

        // It shows whoever calls what the gateway showed it.
        Assert.Equal("Bearer [secret oauth-access-token]", McpServerTests.Text(await Call(gateway)));

        // What is no good any more is renewed, and nobody is asked.
        behind.Revoke();
        Assert.Equal("Bearer [secret oauth-access-token]", McpServerTests.Text(await Call(gateway)));
        Assert.True((await api.LoginMcpServer("signed", Ct)).SignedIn);

        // Another connection to the same address has it from the vault; so has another replica.
        await Configure(gateway, behind, trusted: true);
        Assert.True((await api.LoginMcpServer("signed", Ct)).SignedIn);
        Assert.Equal(ToolOutcomeStatus.Completed, (await Call(gateway)).Status);

        var everything = await Everything(gateway);
        Assert.Contains("mcp-login-ended", everything, StringComparison.Ordinal);
        Assert.All(behind.Secrets, secret => Assert.DoesNotContain(secret, everything, StringComparison.Ordinal));
        Assert.DoesNotContain("state=", everything, StringComparison.Ordinal);

        // With the server goes what it was given.
        await api.DeleteMcpServer("signed", Ct);
        await Configure(gateway, behind);
        Assert.False((await api.LoginMcpServer("signed", Ct)).SignedIn);
    }

    [Fact]
    public async Task A_browser_that_cannot_reach_the_gateway_is_answered_by_hand_and_only_owners_may()
    {
        await using var behind = await SignInServer.Start();
        await using var gateway = await Start(behind);
        var api = gateway.Api("owner");
        var login = await api.LoginMcpServer("signed", Ct);
        using var agent = gateway.As("agent");
        using var owner = gateway.As("owner");

        Assert.Equal(HttpStatusCode.Forbidden, (await agent.PostAsync("v1/mcp-servers/signed/login", content: null, Ct)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await Paste(owner, "http://127.0.0.1/oauth/callback?code=x&state=guessed")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await Paste(owner, (await Open(login.Address!)).Headers.Location!.AbsoluteUri)).StatusCode);
        await SignedIn(api);
    }

    [Fact]
    public async Task A_no_in_the_inbox_ends_the_wait_and_the_next_login_is_another_one()
    {
        await using var behind = await SignInServer.Start();
        await using var gateway = await Start(behind);
        var api = gateway.Api("owner");
        var first = await api.LoginMcpServer("signed", Ct);
        var request = gateway.Services.GetRequiredService<McpLogins>().Waiting("signed")!.Request;

        gateway.Services.GetRequiredService<McpLogins>().Hear(new RequestDecided(request, Run: null, Task: null, Decision.Deny, "", "bob", Comment: null, DateTimeOffset.UnixEpoch));

        await Eventually.True(async () => (await api.GetMcpServer("signed", Ct)).Trouble == "bob said no to signing in", "the no");
        Assert.Equal(HttpStatusCode.BadRequest, (await SignIn(first)).StatusCode);
        Assert.NotEqual(first.Address, (await api.LoginMcpServer("signed", Ct)).Address);
    }

    [Theory]
    [InlineData("http://login.example.org/", "without encryption")]
    [InlineData("https://169.254.169.254/latest", "of this machine or its network")]
    [InlineData("https://127.0.0.1/", "of this machine or its network")]
    [InlineData("https://[::1]/", "of this machine or its network")]
    [InlineData("https://10.1.2.3/", "of this machine or its network")]
    public async Task A_server_elsewhere_cannot_make_the_gateway_ask_hosts_near_it(string address, string why)
    {
        using var client = new HttpClient(new AuthorizationHosts("signed", new Uri("https://mcp.example.org/mcp"), [], NullLogger.Instance));

        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri(address), Ct));

        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_hosts_to_sign_in_at_are_named_no_other_is_asked()
    {
        using var client = new HttpClient(new AuthorizationHosts("signed", new Uri("https://mcp.example.org/mcp"), ["login.example.org"], NullLogger.Instance));

        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri("https://127.0.0.1/"), Ct));

        Assert.Contains("not among the granted hosts (login.example.org)", refused.Message, StringComparison.Ordinal);
    }

    private async Task<GatewayService> Start(SignInServer behind)
    {
        var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: signed, tools: [signed.*], verdict: allow, because: it may }]", "test", expected: null, Ct);
        await Configure(gateway, behind);
        return gateway;
    }

    private static Task Configure(GatewayService gateway, SignInServer behind, bool trusted = false) =>
        gateway.Services.GetRequiredService<McpServerBook>().Set([("signed", ReadMcpServers.One("signed", JsonSerializer.SerializeToElement(new { url = behind.Url, trusted })))], "test", Ct);

    private static async Task<ToolOutcome> Call(GatewayService gateway)
    {
        // Each from a task of its own: what a server says may speak through the task that heard it.
        var call = new InvokeTool(InvocationId.New(), WorkspaceId.New(), RunId.New(), "ask", Attempt: 1, "signed.whoami", JsonSerializer.SerializeToElement(new { }), "the-agent", "agent", Idempotent: false, TimeoutSeconds: null);
        return (await gateway.Services.GetRequiredService<CallTool>().Run(call, Ct)).Outcome!;
    }

    private static async Task SignedIn(IToolGatewayApi api)
    {
        var server = await Eventually.Get(
            () => api.GetMcpServer("signed", Ct), server => server.State == McpServerState.Running || server.Trouble?.StartsWith("it waits", StringComparison.Ordinal) is false, "the end of the sign-in");
        Assert.Equal((McpServerState.Running, null), (server.State, server.Trouble));
    }

    private static async Task<HttpResponseMessage> SignIn(McpLoginView login) => await Open((await Open(login.Address!)).Headers.Location!.AbsoluteUri);

    private static async Task<HttpResponseMessage> Open(string address)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        return await browser.GetAsync(new Uri(address), Ct);
    }

    private static Task<HttpResponseMessage> Paste(HttpClient owner, string address) =>
        owner.PostAsync("v1/mcp-servers/signed/login/answer", new StringContent(JsonSerializer.Serialize(new { address }), System.Text.Encoding.UTF8, "application/json"), Ct);

    private static async Task<string> Everything(GatewayService gateway)
    {
        await using var command = gateway.Services.GetRequiredService<PostgresEventStore>().Database.CreateCommand(
            "select coalesce((select string_agg(type || data::text, ' ') from mt_events), '') || coalesce((select string_agg(data::text, ' ') from ap_views), '') || coalesce((select string_agg(sealed, ' ') from ap_tool_secrets), '')");
        return (string)(await command.ExecuteScalarAsync(Ct))!;
    }
}
