using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Secrets;
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
    /// <summary>The scenario about a pause of half a second, of which the suite bears a fifth more: it is run by itself.</summary>
    public const string Paced = "sse-retry";

    private const int AtOnce = 4;
    private readonly SemaphoreSlim _room = new(AtOnce);
    private readonly TestFolder _folder = new();
    private readonly GatewayService _gateway;
    private readonly WebApplication _app;
    private readonly bool _isAlone;
    private int _count;

    private ClientUnderTest(GatewayService gateway, bool isAlone)
    {
        (_gateway, _isAlone) = (gateway, isAlone);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.MapPost("/", async (HttpContext http, CancellationToken ct) => await Answer((await http.Request.ReadFromJsonAsync<Asked>(ct))!, ct));
    }

    /// <summary>What the suite is to start.</summary>
    public string Command => $"node {_folder.Of("under-test.mjs")} {_app.Urls.First()}";

    /// <param name="gateway">Whose client it is.</param>
    /// <param name="isAlone">The suite runs one scenario.</param>
    public static async Task<ClientUnderTest> Start(GatewayService gateway, bool isAlone = false)
    {
        var client = new ClientUnderTest(gateway, isAlone);
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
        if (asked.Scenario == Paced && !_isAlone)
        {
            return Results.Json((string[])["run by itself"]);
        }

        await _room.WaitAsync(ct);
        var name = $"suite-{Interlocked.Increment(ref _count)}";
        var said = new List<string>();
        var servers = _gateway.Services.GetRequiredService<McpServerBook>();
        try
        {
            await servers.Set([(name, ReadMcpServers.One(name, JsonSerializer.SerializeToElement(await Entry(name, asked, ct))))], "test", ct);
            using var done = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var human = SignIn(name, said, done.Token);
            var connection = (await _gateway.Services.GetRequiredService<McpTools>().Find(name, ct))!;
            await Eventually.True(async () => await connection.Login(ct) is null, "somebody to sign in");
            await Everything(name, asked, said, ct);
            await done.CancelAsync();
            await human;
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

    private async Task<JsonObject> Entry(string name, Asked asked, CancellationToken ct)
    {
        var entry = new JsonObject { ["url"] = asked.Server, ["trusted"] = true };
        if (asked.Context?["client_secret"] is { } secret)
        {
            await _gateway.Services.GetRequiredService<SecretBook>().Set(name, secret.ToString(), "test", ct);
            entry["oauth"] = new JsonObject { ["clientId"] = asked.Context["client_id"]!.ToString(), ["clientSecret"] = new JsonObject { ["$secret"] = name } };
        }
        else if (asked.Scenario == "auth/basic-cimd")
        {
            entry["oauth"] = new JsonObject { ["clientMetadataUrl"] = "https://conformance-test.local/client-metadata.json" };
        }

        return entry;
    }

    // The human, who opens what the gateway shows to owners; the suite's authorization servers send a browser back at once.
    private async Task SignIn(string name, List<string> said, CancellationToken ct)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        var logins = _gateway.Services.GetRequiredService<McpLogins>();
        try
        {
            for (McpLogin? login = null; ;)
            {
                login = await logins.Next(name, login, ct);
                using var sent = await browser.GetAsync(login.Address, ct);
                using var back = await browser.GetAsync(sent.Headers.Location, ct);
                said.Add($"signed in: {(int)back.StatusCode}");
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Nobody is wanted any more.
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
            // A workspace for each call, and a person's client: what a server of the suite says of its tools is nothing, so after one call of them the next in the same workspace, or of
            // the same agent, would wait for a human.
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
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {GatewayService.Token("owner")}", ["AgentPlatform-Workspace"] = Guid.NewGuid().ToString() },
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
