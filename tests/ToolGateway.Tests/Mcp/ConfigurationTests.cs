using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Tests.Invocations;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

public sealed class ConfigurationTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public void A_common_document_is_read_as_it_is()
    {
        var read = ReadMcpServers.Document(Story.Json("""
            {"mcpServers":{
              "files":{"command":"npx","args":["-y","@modelcontextprotocol/server-filesystem","/srv"],"env":{"LOG":"1"},"disabled":false,"autoApprove":["read_file"]},
              "remote":{"type":"http","url":"https://mcp.example.org/mcp","headers":{"Authorization":{"$secret":"example","prefix":"Bearer "}}}}}
            """));

        Assert.Equal(["files", "remote"], read.Select(server => server.Name));
        Assert.Equal("""{"command":"npx","args":["-y","@modelcontextprotocol/server-filesystem","/srv"],"env":{"LOG":"1"},"trusted":false}""", read[0].Entry.Write().ToJsonString());
        Assert.Equal("""{"url":"https://mcp.example.org/mcp","headers":{"Authorization":{"$secret":"example","prefix":"Bearer "}},"trusted":false}""", read[1].Entry.Write().ToJsonString());
    }

    [Theory]
    [InlineData("""{"command":"x","url":"http://127.0.0.1/"}""", "exactly one of 'command'")]
    [InlineData("""{}""", "exactly one of 'command'")]
    [InlineData("""{"command":"x","argz":[]}""", "'argz' is unknown")]
    [InlineData("""{"command":"x","sandbox":{"writable":["/"]}}""", "'sandbox.writable' is a list of at most 100 absolute paths, none of them '/'")]
    [InlineData("""{"command":"x","sandbox":{"readable":["a"]}}""", "'sandbox.readable' is a list")]
    [InlineData("""{"command":"x","sandbox":{"network":["http://a.example/"]}}""", "'sandbox.network' is")]
    [InlineData("""{"command":"x","sandbox":{"net":"internet"}}""", "'sandbox.net' is unknown")]
    [InlineData("""{"url":"http://127.0.0.1/","sandbox":{}}""", "one with a 'url' runs elsewhere")]
    [InlineData("""{"command":"x","args":"y"}""", "'args' is a list")]
    [InlineData("""{"command":"x","env":{"API_KEY":"hunter2"}}""", "env.API_KEY looks like a secret in clear")]
    [InlineData("""{"command":"x","env":{"SAFE":"ghp_abcdefghijklmnopqrstuvwxyz0123"}}""", "env.SAFE looks like a secret in clear")]
    [InlineData("""{"command":"x","args":["--api-key","hunter2"]}""", "looks like a secret on a command line")]
    [InlineData("""{"command":"x","args":["--token=hunter2"]}""", "looks like a secret on a command line")]
    [InlineData("""{"url":"https://a.example/","headers":{"Authorization":"Bearer abcdefghijkl"}}""", "headers.Authorization looks like a secret in clear")]
    [InlineData("""{"url":"https://a.example/?api_key=hunter2"}""", "a secret stands in its query")]
    [InlineData("""{"url":"http://a.example/","headers":{"X":"y"}}""", "would travel unencrypted")]
    [InlineData("""{"url":"file:///etc/passwd"}""", "http or https address")]
    [InlineData("""{"command":"x","oauth":{}}""", "'oauth' is an object, of a server that has a 'url'")]
    [InlineData("""{"url":"https://a.example/","oauth":{"client":"x"}}""", "oauth.client is unknown")]
    [InlineData("""{"url":"https://a.example/","oauth":{"clientId":"x","clientSecret":"hunter2"}}""", "oauth.clientSecret is a reference")]
    [InlineData("""{"url":"https://a.example/","oauth":{"clientSecret":{"$secret":"x"}}}""", "needs the clientId")]
    [InlineData("""{"url":"https://a.example/","oauth":{"hosts":["http://b/"]}}""", "oauth.hosts: ")]
    [InlineData("""{"url":"https://a.example/","oauth":{"clientMetadataUrl":"http://b.example/me"}}""", "oauth.clientMetadataUrl is an https address")]
    public void What_cannot_be_used_or_looks_like_a_secret_is_refused_with_the_remedy(string entry, string why)
    {
        var refused = Assert.Throws<ProblemException>(() => ReadMcpServers.One("one", Story.Json(entry)));

        Assert.Equal((422, "invalid-mcp-server"), (refused.Status, refused.Slug));
        Assert.Contains(why, string.Join('\n', refused.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_of_built_in_tools_is_taken_and_the_same_again_is_no_new_fact()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        var entry = ReadMcpServers.One("one", Story.Json("""{"command":"true"}"""));

        Assert.Equal("mcp-name-taken", (await Assert.ThrowsAsync<ProblemException>(() => gateway.McpServers.Set([("probe", entry)], "ann", Ct))).Slug);
        await gateway.McpServers.Set([("one", entry)], "ann", Ct);
        await gateway.McpServers.Set([("one", entry)], "bob", Ct);

        Assert.Equal((1, "ann"), (await gateway.McpServers.Find("one", Ct)) is var (state, version) ? (version, state.Set!.By) : default);
    }

    [Fact]
    public async Task A_secret_is_shown_by_its_fingerprint_and_a_removed_one_is_gone()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        await gateway.Secrets.Set("one", "first-value", "ann", Ct);
        var second = await gateway.Secrets.Set("one", "second-value", "bob", Ct);

        Assert.Equal([second], await gateway.Secrets.List(Ct));
        Assert.Equal("second-value", await gateway.Secrets.Reveal("one", Ct));
        Assert.DoesNotContain("-value", await gateway.Everything(), StringComparison.Ordinal);
        await gateway.Secrets.Remove("one", "ann", Ct);

        Assert.Empty(await gateway.Secrets.List(Ct));
        Assert.Null(await gateway.Secrets.Reveal("one", Ct));
        Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => gateway.Secrets.Remove("one", "ann", Ct))).Status);
    }
}
