using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Cli.Tests;

public sealed class McpTests
{
    [Fact]
    public async Task A_program_is_added_in_the_common_form_with_secrets_as_references()
    {
        await using var gateway = await FakeGateway.Start();

        var said = await AgentCtl.Run(gateway.Environment, "mcp", "add", "files", "--env", "LOG=1", "--env", "KEY=secret:files-key", "--", "npx", "-y", "server");

        Assert.Equal(0, said.ExitCode);
        Assert.Equal(
            """PUT /v1/mcp-servers/files {"command":"npx","args":["-y","server"],"env":{"LOG":"1","KEY":{"$secret":"files-key"}},"trusted":false}""", Assert.Single(gateway.Asked));
        Assert.StartsWith("files\tstdio\tidle\t1\t1\t", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_is_given_folders_and_hosts()
    {
        await using var gateway = await FakeGateway.Start();

        var said = await AgentCtl.Run(gateway.Environment, "mcp", "add", "files", "--writable", "/srv/x", "--network", "api.example.org", "--", "npx");

        Assert.Equal(0, said.ExitCode);
        Assert.Equal(
            """PUT /v1/mcp-servers/files {"command":"npx","args":[],"env":{},"trusted":false,"sandbox":{"writable":["/srv/x"],"network":["api.example.org"]}}""", Assert.Single(gateway.Asked));
    }

    [Fact]
    public async Task Neither_a_program_nor_an_address_is_wrong_use()
    {
        await using var gateway = await FakeGateway.Start();

        Assert.Equal(2, (await AgentCtl.Run(gateway.Environment, "mcp", "add", "files")).ExitCode);
        Assert.Empty(gateway.Asked);
    }

    [Fact]
    public async Task Only_what_was_looked_at_is_approved()
    {
        await using var gateway = await FakeGateway.Start();

        Assert.Equal(0, (await AgentCtl.Run(gateway.Environment, "mcp", "approve", "files", "--sha256", "cd34")).ExitCode);

        Assert.Equal("""POST /v1/mcp-servers/files/approve {"sha256":["cd34"]}""", Assert.Single(gateway.Asked));
    }

    [Fact]
    public async Task Messages_are_carried_between_standard_streams_and_the_gateway_and_nothing_else_is_said()
    {
        await using var gateway = await FakeGateway.Start();

        var said = await AgentCtl.RunWith("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"fail\"}\n", gateway.Environment, "mcp", "serve");

        Assert.Equal(0, said.ExitCode);
        var answers = said.Output.Trim().Split('\n').Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, answers.Length);
        Assert.Contains("\"id\":2,\"error\":{\"code\":-32000,\"message\":\"The gateway answered 403", answers[1], StringComparison.Ordinal);
        Assert.Equal("""{"jsonrpc":"2.0","id":1,"result":{}}""", answers[0]);
    }

    [Fact]
    public async Task The_session_that_the_gateway_opened_is_ended_with_the_input_and_headers_say_what_a_message_says()
    {
        await using var gateway = await FakeGateway.Start();
        const string initialize = """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""";
        const string call = """{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"größer","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}""";

        Assert.Equal(0, (await AgentCtl.RunWith($"{initialize}\n{call}\n", gateway.Environment, "mcp", "serve")).ExitCode);

        Assert.Contains("DELETE session=the-session version= method= name=", gateway.Headers);
        Assert.Contains(gateway.Headers, line => line.EndsWith("version=2026-07-28 method=tools/call name==?base64?Z3LDtsOfZXI=?=", StringComparison.Ordinal));
    }

    /// <summary>The routes of the gateway that are about MCP servers.</summary>
    private sealed class FakeGateway : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private FakeGateway()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.Run(async http =>
            {
                using var body = new StreamReader(http.Request.Body);
                var sent = await body.ReadToEndAsync();
                Asked.Enqueue($"{http.Request.Method} {http.Request.Path} {sent}");
                if (http.Request.Path == "/mcp")
                {
                    var sentHeaders = http.Request.Headers;
                    Headers.Enqueue($"{http.Request.Method} session={sentHeaders["Mcp-Session-Id"]} version={sentHeaders["MCP-Protocol-Version"]} method={sentHeaders["Mcp-Method"]} name={sentHeaders["Mcp-Name"]}");
                    if (sent.Contains("initialize", StringComparison.Ordinal))
                    {
                        http.Response.Headers["Mcp-Session-Id"] = "the-session";
                    }

                    http.Response.StatusCode = sent.Contains("fail", StringComparison.Ordinal) ? 403 : 200;
                    http.Response.ContentType = "text/event-stream";
                    await http.Response.WriteAsync("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n");
                    return;
                }

                await http.Response.WriteAsJsonAsync(
                    new McpServerView("files", "stdio", false, McpServerState.Idle, JsonSerializer.SerializeToElement(new { command = "npx" }), "ann", DateTimeOffset.UnixEpoch, [new McpToolView("files.read@1", "ab12", "cd34", "another schema")], null),
                    ContractJson.Options);
            });
        }

        public ConcurrentQueue<string> Asked { get; } = new();

        public ConcurrentQueue<string> Headers { get; } = new();

        public Dictionary<string, string> Environment => new(StringComparer.Ordinal) { ["AGENTPLATFORM_TOOLGATEWAY_URL"] = _app.Urls.First(), ["AGENTPLATFORM_TOKEN"] = "token" };

        public static async Task<FakeGateway> Start()
        {
            var gateway = new FakeGateway();
            await gateway._app.StartAsync(TestContext.Current.CancellationToken);
            return gateway;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
