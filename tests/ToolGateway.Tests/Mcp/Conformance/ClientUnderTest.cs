using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>
/// The gateway's MCP client as the suite wants to start it. The suite starts a program per scenario, all at once; the program only tells us, and here the suite's server is
/// configured behind the gateway, asked for everything there is, and taken away again, a few scenarios at a time. What that server sees is the gateway, with policy and ledger
/// on the way.
/// </summary>
internal sealed class ClientUnderTest : IAsyncDisposable
{
    private const int AtOnce = 4;
    private readonly SemaphoreSlim _room = new(AtOnce);
    private readonly TestFolder _folder = new();
    private readonly GatewayService _gateway;
    private readonly WebApplication _app;
    private int _count;

    private ClientUnderTest(GatewayService gateway)
    {
        _gateway = gateway;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.MapPost("/", async (HttpContext http, CancellationToken ct) => await Answer((await http.Request.ReadFromJsonAsync<Asked>(ct))!, ct));
    }

    /// <summary>What the suite is to start.</summary>
    public string Command => $"node {_folder.Of("under-test.mjs")} {_app.Urls.First()}";

    public static async Task<ClientUnderTest> Start(GatewayService gateway)
    {
        var client = new ClientUnderTest(gateway);
        File.Copy(Path.Combine(McpHost.Here(), "under-test.mjs"), client._folder.Of("under-test.mjs"));
        await client._app.StartAsync();
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Dispose();
        _room.Dispose();
    }

    private async Task<IResult> Answer(Asked asked, CancellationToken ct)
    {
        await _room.WaitAsync(ct);
        var name = $"suite-{Interlocked.Increment(ref _count)}";
        var said = new List<string>();
        var servers = _gateway.Services.GetRequiredService<McpServerBook>();
        try
        {
            await servers.Set([(name, ReadMcpServers.One(name, JsonSerializer.SerializeToElement(new { url = asked.Server, trusted = true })))], "test", ct);
            await Everything(name, asked, said, ct);
            return Results.Json(said);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return Results.Json((string[])[.. said, e.ToString()], statusCode: StatusCodes.Status500InternalServerError);
        }
        finally
        {
            await servers.Remove(name, "test", CancellationToken.None);

            // Whoever looks next ends the connection, which the suite's server waits for.
            await _gateway.Services.GetRequiredService<McpTools>().Find(name, CancellationToken.None);
            _room.Release();
        }
    }

    private async Task Everything(string name, Asked asked, List<string> said, CancellationToken ct)
    {
        await using var client = await Connect(name, ct);
        var tools = await client.ListToolsAsync(cancellationToken: ct);
        said.Add($"tools: {string.Join(", ", tools.Select(tool => tool.Name))}");
        if (tools.Count == 0)
        {
            said.Add($"trouble: {(await _gateway.Services.GetRequiredService<McpTools>().View(name, ct)).Trouble}");
        }

        var calls = asked.Context?["toolCalls"] is JsonArray wanted
            ? wanted.Select(call => (Name: call!["name"]!.ToString(), Arguments: call["arguments"] as JsonObject ?? []))
            : tools.Select(tool => (tool.Name, Arguments: (JsonObject)Example(JsonNode.Parse(tool.JsonSchema.GetRawText())!.AsObject(), "arguments")));
        foreach (var (tool, arguments) in calls.ToArray())
        {
            // A workspace for each call: what a server of the suite says of its tools is nothing, so after one call of them the next in the same workspace would wait for a human.
            await using var caller = await Connect(name, ct);
            var result = await Attempt(tool, said, async () => JsonSerializer.Serialize(await caller.CallToolAsync(tool, arguments.ToDictionary(a => a.Key, a => (object?)a.Value), cancellationToken: ct), McpJsonUtilities.DefaultOptions));
            said.Add($"{tool}: {result}");
        }

        if (client.ServerCapabilities.Resources is not null)
        {
            foreach (var resource in await Attempt("resources", said, async () => await client.ListResourcesAsync(cancellationToken: ct)) ?? [])
            {
                await Attempt(resource.Uri, said, async () => await client.ReadResourceAsync(resource.Uri, cancellationToken: ct));
            }
        }

        if (client.ServerCapabilities.Prompts is not null)
        {
            foreach (var prompt in await Attempt("prompts", said, async () => await client.ListPromptsAsync(cancellationToken: ct)) ?? [])
            {
                var given = prompt.ProtocolPrompt.Arguments?.ToDictionary(a => a.Name, object? (_) => "x");
                await Attempt(prompt.Name, said, async () => await client.GetPromptAsync(prompt.Name, given, cancellationToken: ct));
            }
        }
    }

    private Task<McpClient> Connect(string name, CancellationToken ct) => McpClient.CreateAsync(
        new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(_gateway.Url, $"mcp/servers/{name}"), TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {GatewayService.Token("agent")}", ["AgentPlatform-Workspace"] = Guid.NewGuid().ToString() },
        }),
        new McpClientOptions
        {
            ProtocolVersion = "2025-11-25",
            Handlers = new McpClientHandlers { ElicitationHandler = static (_, _) => ValueTask.FromResult(new ElicitResult { Action = "accept", Content = new Dictionary<string, JsonElement>() }) },
        },
        cancellationToken: ct);

    private static async Task<T?> Attempt<T>(string what, List<string> said, Func<Task<T>> act)
        where T : class
    {
        try
        {
            return await act();
        }
        catch (McpException e)
        {
            said.Add($"{what}: {e.Message}");
            return null;
        }
    }

    private static JsonNode Example(JsonObject schema, string name) => schema switch
    {
        _ when schema["enum"] is JsonArray { Count: > 0 } values => values[0]!.DeepClone(),
        _ when schema["properties"] is JsonObject properties => new JsonObject(properties.Select(p => KeyValuePair.Create<string, JsonNode?>(p.Key, Example(p.Value as JsonObject ?? [], p.Key)))),
        _ => schema["type"]?.ToString() switch
        {
            "number" or "integer" => 5,
            "boolean" => true,
            "array" => new JsonArray(),
            "object" => new JsonObject(),
            _ => $"a {name}",
        },
    };

    /// <param name="Server">The suite's server.</param>
    /// <param name="Scenario">Its name.</param>
    /// <param name="Context">What the scenario wants of a client.</param>
    private sealed record Asked(string Server, string? Scenario, JsonObject? Context);
}
