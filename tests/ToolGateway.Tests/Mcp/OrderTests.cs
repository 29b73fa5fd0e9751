using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>What a server tells before it answers comes to the client before the answer, also where it is all said in one breath.</summary>
public sealed class OrderTests(Servers servers) : IClassFixture<Servers>
{
    private const int Calls = 200;
    private const int CallsOfClients = 5;
    private const int Lines = 10;
    private static readonly string[] Order = [.. Enumerable.Range(0, Lines).SelectMany(i => (string[])[$"line {i}", $"progress {i}"]), "told"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_program_tells_in_one_write_with_its_answer_comes_before_it_every_time()
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        using var folder = new TestFolder();
        await Tells(new { command = "node", args = new[] { McpHost.Script(folder, "probe.mjs") }, trusted = true, env = new { PROBE = folder.Path }, sandbox = new { writable = new[] { folder.Path } } });
    }

    [Fact]
    public async Task What_an_address_tells_in_one_write_with_its_answer_comes_before_it_every_time()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.MapPost("/", OneBreath);
        await app.StartAsync(Ct);
        await Tells(new { url = app.Urls.First(), trusted = true });
    }

    private async Task Tells(object entry)
    {
        await using var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: teller, tools: [teller.*], verdict: allow, because: it may }]", "test", expected: null, Ct);
        await gateway.Services.GetRequiredService<McpServerBook>().Set([("teller", ReadMcpServers.One("teller", JsonSerializer.SerializeToElement(entry)))], "test", Ct);
        using var agent = gateway.As("agent");
        for (var call = 0; call < CallsOfClients; call++)
        {
            Assert.Equal(Order, await Heard(agent, call));
        }

        // And without ledger and bus between, as quickly as it goes.
        using var folder = new TestFolder();
        using var workspace = Workspace.Open(folder.Path);
        var tool = gateway.Services.GetRequiredService<ToolRegistry>().Find("teller.tell")!;
        for (var call = 0; call < Calls; call++)
        {
            var caller = new Recorder();
            var output = await tool.Run(new ToolCall { Invocation = Guid.NewGuid(), Arguments = JsonSerializer.SerializeToElement(new { }), Workspace = workspace, Caller = caller }, Ct);
            Assert.Equal(Order, (string[])[.. caller.Heard, output.Content.GetProperty("content")[0].GetProperty("text").GetString()!]);
        }
    }

    // Read as bytes: a client of the SDK hands each message to a task of its own, which is what this is about.
    private static async Task<string[]> Heard(HttpClient agent, int call)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "mcp/servers/teller")
        {
            Content = new StringContent($$$$"""{"jsonrpc":"2.0","id":{{{{call}}}},"method":"tools/call","params":{"name":"tell","arguments":{},"_meta":{"progressToken":"p{{{{call}}}}"}}}""", new MediaTypeHeaderValue("application/json")),
        };
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2025-11-25");
        using var response = await agent.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
        var heard = new List<string>();
        await foreach (var item in SseParser.Create(await response.Content.ReadAsStreamAsync(Ct)).EnumerateAsync(Ct))
        {
            var message = JsonNode.Parse(item.Data)!;
            heard.Add(message["method"] is { } method ? Word(method.ToString(), message["params"]!) : message["result"]?["content"]?[0]?["text"]?.ToString() ?? message.ToJsonString());
        }

        return [.. heard];
    }

    private static string Word(string method, JsonNode told) => method == "notifications/message" ? told["data"]!.ToString() : $"progress {told["progress"]}";

    private static async Task OneBreath(HttpContext http)
    {
        var message = await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted);
        var (id, answer) = (message!["id"]?.ToJsonString(), new StringBuilder());
        switch (message["method"]!.ToString())
        {
            case "initialize":
                Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"teller","version":"1"} }}""");
                break;
            case "tools/list":
                Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"result":{"tools":[{"name":"tell","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true,"openWorldHint":false}}]}}""");
                break;
            case "tools/call":
                for (var i = 0; i < Lines; i++)
                {
                    Say($$$"""{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"line {{{i}}}"}}""");
                    Say($$$"""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{{{message["params"]!["_meta"]!["progressToken"]!.ToJsonString()}}},"progress":{{{i}}} }}""");
                }

                Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"result":{"content":[{"type":"text","text":"told"}]}}""");
                break;
            default:
                if (id is null)
                {
                    http.Response.StatusCode = StatusCodes.Status202Accepted;
                    return;
                }

                Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"error":{"code":-32601,"message":"no such method"}}""");
                break;
        }

        http.Response.ContentType = "text/event-stream";
        await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(answer.ToString()), http.RequestAborted);

        void Say(string json) => answer.Append("event: message\ndata: ").Append(json).Append("\n\n");
    }

    private sealed class Recorder : ICaller
    {
        private readonly ConcurrentQueue<string> _heard = new();

        public IReadOnlyCollection<string> Heard => _heard;

        public JsonElement Capabilities { get; } = JsonSerializer.SerializeToElement(new { });

        public string? LogLevel => "debug";

        public void Tell(string method, JsonNode? content) => _heard.Enqueue(Word(method, content!));

        public Task<JsonObject?> Ask(JsonObject requests, CancellationToken ct) => Task.FromResult<JsonObject?>(null);
    }
}
