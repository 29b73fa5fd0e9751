using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;

namespace AgentPlatform.Platform.Tests;

/// <summary>Somebody holds an agent's token and the ports of the platform, and wants a tool to run that policy asks about. Each way is tried; none leads there.</summary>
public sealed class BypassTests(PlatformStack stack)
{
    private const string Name = "stolen";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServiceNames.Orchestrator, "POST", "v1/runs", """{"plan":"name: x\ntasks: [{ id: a, tool: { name: files.delete, arguments: { path: a } } }]"}""")]
    [InlineData(ServiceNames.ToolGateway, "PUT", "v1/policy", "rules: []")]
    [InlineData(ServiceNames.ToolGateway, "POST", "v1/grants", """{"scope":{"tools":["*"]},"because":"because"}""")]
    [InlineData(ServiceNames.ToolGateway, "PUT", "v1/mcp-servers/mine", """{"command":"sh"}""")]
    [InlineData(ServiceNames.ToolGateway, "POST", "v1/mcp-servers/import", """{"mcpServers":{}}""")]
    [InlineData(ServiceNames.ToolGateway, "POST", "v1/mcp-servers/mine/approve", "{}")]
    [InlineData(ServiceNames.ToolGateway, "PUT", "v1/secrets/mine", """{"value":"x"}""")]
    [InlineData(ServiceNames.ToolGateway, "PUT", "v1/workspaces/0199e0a4-0000-7000-8000-000000000002/files/a", "x")]
    [InlineData(ServiceNames.Sessions, "POST", "v1/sessions", """{"kind":"terminal"}""")]
    [InlineData(ServiceNames.ModelFabric, "PUT", "admin/providers/mine", """{"kind":"openai"}""")]
    [InlineData(ServiceNames.ModelFabric, "PUT", "admin/budgets/mine", "{}")]
    [InlineData(ServiceNames.ModelFabric, "PUT", "admin/routes/mine", "{}")]
    public async Task An_agents_token_starts_no_run_and_changes_no_rule_grant_server_secret_file_model_or_budget(string service, string method, string path, string body)
    {
        using var agent = Agent(service);
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

        using var answer = await agent.SendAsync(request, Ct);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("may not do this", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_asked_about_cannot_be_approved_by_the_one_who_asked_nor_be_had_under_another_id_or_with_other_arguments()
    {
        using var gateway = Agent(ServiceNames.ToolGateway);
        using var inbox = Agent(ServiceNames.Sessions);
        var workspace = WorkspaceId.New();
        await Put(workspace, "one", "two");

        var (asked, _) = await Delete(gateway, workspace, "one");
        Assert.Equal(InvocationState.WaitingApproval, asked!.State);
        using var own = await inbox.PostAsJsonAsync($"v1/requests/{asked.Id}/decide", new DecideRequest(Decision.Approve), ContractJson.Options, Ct);
        Assert.Equal(HttpStatusCode.Forbidden, own.StatusCode);

        // The same id with another file, before and after the yes; the same file under another id, before and after.
        Assert.Equal(HttpStatusCode.Conflict, (await Delete(gateway, workspace, "two", asked.Id)).Status);
        var (twin, _) = await Delete(gateway, workspace, "one");
        Assert.Equal(InvocationState.WaitingApproval, twin!.State);
        await Approve(asked.Id);
        await stack.Until(() => stack.ToolGateway.GetInvocation(asked.Id, Ct), view => view.State == InvocationState.Settled, "the approved call ends");
        Assert.Equal(HttpStatusCode.Conflict, (await Delete(gateway, workspace, "two", asked.Id)).Status);
        Assert.Equal(InvocationState.WaitingApproval, (await stack.ToolGateway.GetInvocation(twin.Id, Ct)).State);

        // The yes, told again, and the call, sent again after the file is back: it has ended and stays ended.
        await Put(workspace, "one");
        await Approve(asked.Id);
        var (again, _) = await Delete(gateway, workspace, "one", asked.Id);
        Assert.Equal(InvocationState.Settled, again!.State);
        Assert.True(await stack.Has(workspace, "one") && await stack.Has(workspace, "two"));
        Assert.Equal(0, (await stack.AgentctlEnd("requests", "deny", twin.Id.ToString())).ExitCode);
    }

    [Fact]
    public async Task Two_clones_that_ask_at_once_have_one_effect_and_share_a_grant_for_one_call()
    {
        using var gateway = Agent(ServiceNames.ToolGateway);
        var workspace = WorkspaceId.New();
        var id = InvocationId.New();
        var clones = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Call(gateway, "shell.run", """{"script":"echo x >> log"}""", workspace, id)));
        Assert.All(clones, clone => Assert.Equal(HttpStatusCode.OK, clone.Status));
        Assert.Equal("x\n", await stack.Text(workspace, "log"));

        await Put(workspace, "one", "two", "three");
        var given = await stack.Client(ServiceNames.ToolGateway).PostAsync("v1/grants", new StringContent("""{"scope":{"tools":["files.delete"],"principals":["stolen"]},"because":"one file","usesMax":1}""", Encoding.UTF8, "application/json"), Ct);
        Assert.True(given.IsSuccessStatusCode, await given.Content.ReadAsStringAsync(Ct));
        var calls = await Task.WhenAll(new[] { "one", "two", "three" }.Select(path => Delete(gateway, workspace, path)));

        Assert.Equal(1, calls.Count(call => call.View!.State == InvocationState.Settled));
        Assert.Equal(2, calls.Count(call => call.View!.State == InvocationState.WaitingApproval));
        foreach (var (view, _) in calls.Where(call => call.View!.State == InvocationState.WaitingApproval))
        {
            Assert.Equal(0, (await stack.AgentctlEnd("requests", "deny", view!.Id.ToString())).ExitCode);
        }
    }

    [Fact]
    public async Task A_script_with_the_token_in_its_hand_does_not_reach_the_ports_of_the_platform()
    {
        using var agent = Agent(ServiceNames.ToolGateway);
        var workspace = WorkspaceId.New();
        var script = new StringBuilder("touch begun\n");
        foreach (var service in PlatformStack.Services.Append("nats").Append("postgres"))
        {
            if (stack.Endpoint(service) is { } address && Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Port > 0)
            {
                script.Append($"(exec 3<>/dev/tcp/127.0.0.1/{uri.Port} && printf 'GET /v1/policy HTTP/1.0\\r\\nAuthorization: Bearer {Token}\\r\\n\\r\\n' >&3 && head -c 20 <&3 > reached-{service}) 2>> refused\n");
            }
        }

        Assert.Contains("/dev/tcp/", script.ToString(), StringComparison.Ordinal);
        var (view, _) = await Call(agent, "shell.run", JsonSerializer.Serialize(new { argv = new[] { "bash", "-c", script.ToString() } }), workspace, InvocationId.New());

        Assert.Equal(InvocationState.Settled, view!.State);
        var files = (await stack.ToolGateway.ListFiles(workspace)).Items.Select(file => file.Path).ToList();
        Assert.Contains("begun", files);
        Assert.DoesNotContain(files, file => file.StartsWith("reached-", StringComparison.Ordinal));
        Assert.Contains("Operation not permitted", await stack.Text(workspace, "refused"), StringComparison.Ordinal);
    }

    private static string Token { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private async Task Put(WorkspaceId workspace, params string[] names)
    {
        foreach (var name in names)
        {
            using var answer = await stack.Client(ServiceNames.ToolGateway).PutAsync($"v1/workspaces/{workspace}/files/{name}", new StringContent("x"), Ct);
            answer.EnsureSuccessStatusCode();
        }
    }

    private async Task Approve(InvocationId id)
    {
        var approved = await stack.AgentctlEnd("requests", "approve", id.ToString());
        Assert.True(approved.ExitCode == 0, approved.ToString());
    }

    private static Task<(InvocationView? View, HttpStatusCode Status)> Delete(HttpClient gateway, WorkspaceId workspace, string path, InvocationId? id = null) =>
        Call(gateway, "files.delete", JsonSerializer.Serialize(new { path }), workspace, id ?? InvocationId.New());

    private static async Task<(InvocationView? View, HttpStatusCode Status)> Call(HttpClient gateway, string tool, string arguments, WorkspaceId workspace, InvocationId id)
    {
        using var answer = await gateway.PostAsJsonAsync("v1/invocations", new InvokeRequest(tool, JsonSerializer.Deserialize<JsonElement>(arguments), workspace, id), ContractJson.Options, Ct);
        return (answer.IsSuccessStatusCode ? await answer.Content.ReadFromJsonAsync<InvocationView>(ContractJson.Options, Ct) : null, answer.StatusCode);
    }

    /// <summary>A client with the token of an agent, which the owner has put into the principals file.</summary>
    private HttpClient Agent(string service)
    {
        var file = Path.Combine(stack.Data, "credentials", "principals.json");
        var principals = JsonNode.Parse(File.ReadAllText(file))!.AsArray();
        if (!principals.Any(p => (string?)p!["name"] == Name))
        {
            principals.Add(new JsonObject { ["name"] = Name, ["role"] = "agent", ["tokenSha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token))) });
            File.WriteAllText(file, principals.ToJsonString());
        }

        var client = new HttpClient { BaseAddress = new Uri(stack.Endpoint(service)!) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        return client;
    }
}
