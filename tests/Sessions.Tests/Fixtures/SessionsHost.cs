using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Sessions.Tests.Fixtures;

/// <summary>Hosts of one JetStream share its consumers, so the tests that start one take turns.</summary>
[CollectionDefinition(nameof(HostTests))]
public sealed class HostTests;

/// <summary>The service as it runs in production, over real PostgreSQL and NATS.</summary>
public sealed class SessionsHost : IAsyncDisposable
{
    private static readonly string[] Roles = ["owner", "operator", "approver", "viewer", "agent", "service"];
    private readonly WebApplication _app;

    private SessionsHost(WebApplication app, string data) => (_app, Data) = (app, data);

    public string Data { get; }

    public IServiceProvider Services => _app.Services;

    private Uri Url => new(_app.Urls.First());

    public static async Task<SessionsHost> Start(Servers servers, string database, string data, params (string Key, string Value)[] settings)
    {
        var principals = Path.Combine(data, "principals.json");
        await File.WriteAllTextAsync(principals, JsonSerializer.Serialize(
            Roles.Select(role => new { name = role, role, tokenSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token(role)))) })));
        var builder = ServiceHost.CreateBuilder(["--urls=http://127.0.0.1:0"], ServiceNames.Sessions);
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AGENTPLATFORM_PRINCIPALS"] = principals,
            ["AGENTPLATFORM_DATA"] = data,
            ["ConnectionStrings:sessionsdb"] = database,
            ["ConnectionStrings:nats"] = servers.Nats.Url,
            ["Sessions:Shell"] = "/bin/sh",
            ["Sessions:Terminal:CloseGrace"] = "00:00:01",
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        builder.AddSessions();
        var app = builder.BuildService();
        app.MapSessions();
        await app.StartAsync();
        return new SessionsHost(app, data);
    }

    public HttpClient As(string role) => new() { BaseAddress = Url, DefaultRequestHeaders = { Authorization = new("Bearer", Token(role)) } };

    public ISessionsApi Api(string role) => RestClients.For<ISessionsApi>(As(role));

    /// <summary>Sends a message the way every service does: through the outbox.</summary>
    public async Task Send(IMessage message)
    {
        var session = Services.GetRequiredService<PostgresEventStore>().Open();
        Services.GetRequiredService<Outgoing>().Send(session, message);
        await session.SaveChanges(default);
    }

    public async Task<ClientWebSocket> Connect(SessionId id, string role, long after = 0)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + Token(role));
        await socket.ConnectAsync(new UriBuilder(Url) { Scheme = "ws", Path = $"/v1/sessions/{id}/stream", Query = $"after={after}" }.Uri, default);
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static string Token(string role) => $"token-of-{role}";
}

/// <summary>A database, a data folder and the hosts that were started over them.</summary>
[Collection(nameof(HostTests))]
public abstract class HostFixture(Servers servers) : IAsyncLifetime
{
    private readonly List<SessionsHost> _hosts = [];
    private string _database = "";
    private NatsLink? _listener;

    protected string Data { get; } = Directory.CreateTempSubdirectory("sessions-").FullName;

    public async ValueTask InitializeAsync() => _database = await servers.NewDatabase();

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }
        _listener?.Dispose();
        Directory.Delete(Data, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected async Task<SessionsHost> Start(params (string Key, string Value)[] settings)
    {
        var host = await SessionsHost.Start(servers, _database, Data, settings);
        _hosts.Add(host);
        return host;
    }

    /// <summary>What is published from now on, whichever host publishes it.</summary>
    protected async Task<ConcurrentQueue<JsonNode>> Listen(string subject)
    {
        _listener ??= new NatsLink("listener", new MessagingOptions { Url = servers.Nats.Url }, NullLogger<NatsLink>.Instance);
        await _listener.WaitConnected(default);
        var heard = new ConcurrentQueue<JsonNode>();
        _listener.Subscribe(subject, (_, _, payload) => heard.Enqueue(JsonNode.Parse(payload)!));
        // An answer to a request proves that the server has taken the subscription that went before it.
        await _listener.Request("$JS.API.INFO", [], default);
        return heard;
    }

    protected async Task Stop(SessionsHost host)
    {
        _hosts.Remove(host);
        await host.DisposeAsync();
    }
}

public static class Frames
{
    public static Task Say(this ClientWebSocket socket, object frame) =>
        socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame, ContractJson.Options), WebSocketMessageType.Text, endOfMessage: true, default);

    public static Task Type(this ClientWebSocket socket, string text) => socket.Say(new { type = "input", data = Convert.ToBase64String(Encoding.UTF8.GetBytes(text)) });

    /// <summary>Frames until one satisfies; the rest stays for later.</summary>
    public static async Task<List<JsonNode>> Until(this ClientWebSocket socket, Func<List<JsonNode>, bool> there, string what)
    {
        var frames = new List<JsonNode>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[1024 * 1024];
        while (!there(frames))
        {
            try
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await socket.ReceiveAsync(buffer.AsMemory(length), patience.Token);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                Assert.True(part.MessageType == WebSocketMessageType.Text, $"the socket closed before: {what}; seen: {string.Join('\n', frames)}");
                frames.Add(JsonNode.Parse(buffer.AsSpan(0, length))!);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"never came: {what}; seen: {string.Join('\n', frames)}");
            }
        }
        return frames;
    }

    public static Task<List<JsonNode>> UntilText(this ClientWebSocket socket, string text) => socket.Until(frames => Text(frames).Contains(text, StringComparison.Ordinal), text);

    public static string Text(IEnumerable<JsonNode> frames) =>
        Encoding.UTF8.GetString([.. frames.Where(frame => (string)frame["type"]! == "output").SelectMany(frame => Convert.FromBase64String((string)frame["data"]!))]);
}
