using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Exchanges;
using AgentPlatform.ModelFabric.Policies;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ModelFabric.Tests.Fixtures;

/// <summary>The service on a free port with a folder of its own; everything it logs is kept.</summary>
public sealed class FabricHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _root;

    private static readonly string[] Roles = ["owner", "operator", "approver", "viewer", "agent", "service"];

    private FabricHost(WebApplication app, string root, LogLines logs)
    {
        (_app, _root, Logs) = (app, root, logs);
        Http = As("owner");
    }

    public HttpClient Http { get; }
    public LogLines Logs { get; }
    public Uri Url => new(_app.Urls.First());
    public string ScriptFolder => Path.Combine(_root, "scripts");
    public RecordedCalls Calls => _app.Services.GetRequiredService<RecordedCalls>();

    /// <summary>The service with its stores in memory.</summary>
    public static Task<FabricHost> Start(params (string Key, string Value)[] settings) => Start(durable: null, settings);

    /// <summary>The service as it runs in production, over a database and NATS.</summary>
    public static Task<FabricHost> StartDurable(Servers servers, string database, params (string Key, string Value)[] settings) =>
        Start((servers, database), settings);

    private static async Task<FabricHost> Start((Servers Servers, string Database)? durable, (string Key, string Value)[] settings)
    {
        var root = Directory.CreateTempSubdirectory("fabric-").FullName;
        Directory.CreateDirectory(Path.Combine(root, "scripts"));
        var masterKey = Path.Combine(root, "master.key");
        // The same in every host of a test, as it is when a service starts again.
        await File.WriteAllBytesAsync(masterKey, SHA256.HashData("tests"u8));
        File.SetUnixFileMode(masterKey, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var principals = Path.Combine(root, "principals.json");
        await File.WriteAllTextAsync(principals, JsonSerializer.Serialize(
            Roles.Select(role => new { name = role, role, tokenSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token(role)))) })));

        var logs = new LogLines();
        var builder = ServiceHost.CreateBuilder(["--urls=http://127.0.0.1:0"], ServiceNames.ModelFabric);
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(logs);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AGENTPLATFORM_MASTER_KEY_FILE"] = masterKey,
            ["AGENTPLATFORM_PRINCIPALS"] = principals,
            ["ModelFabric:DataFolder"] = root,
            ["ModelFabric:ScriptFolders:0"] = Path.Combine(root, "scripts"),
            ["ModelFabric:Upstream:RetryDelay"] = "00:00:00.010",
            ["ConnectionStrings:modelfabricdb"] = durable?.Database,
            ["ConnectionStrings:nats"] = durable?.Servers.Nats.Url,
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        if (durable is null)
        {
            builder.Services.AddSingleton<IProviderStore, InMemoryProviderStore>();
            builder.Services.AddSingleton<IBudgetLedger, InMemoryBudgetLedger>().AddSingleton<ISettingStore<Budget>, InMemorySettings<Budget>>()
                .AddSingleton<ISettingStore<ModelFabric.Routing.Route>, InMemorySettings<ModelFabric.Routing.Route>>().AddSingleton<ISettingStore<CallPolicy>, InMemorySettings<CallPolicy>>();
            builder.Services.AddSingleton<RecordedCalls>().AddSingleton<IModelCallLog>(services => services.GetRequiredService<RecordedCalls>());
        }
        else
        {
            builder.AddModelFabricStore();
        }
        builder.Services.AddModelFabric(builder.Configuration);
        var app = builder.BuildService();
        app.MapModelFabric();
        await app.StartAsync();
        return new FabricHost(app, root, logs);
    }

    public static string Token(string role) => $"token-of-{role}";

    /// <summary>A client of that role; of nobody when null.</summary>
    public HttpClient As(string? role)
    {
        var http = new HttpClient { BaseAddress = Url };
        if (role is not null)
        {
            http.DefaultRequestHeaders.Authorization = new("Bearer", Token(role));
        }
        return http;
    }

    public void Script(string name, string yaml) => File.WriteAllText(Path.Combine(ScriptFolder, name + ".yaml"), yaml);

    public string WorkspaceFolder(Guid id) => Path.Combine(_root, "workspaces", id.ToString("D"));

    public async Task<HttpResponseMessage> PutProvider(string name, object body) => await Http.PutAsJsonAsync($"/admin/providers/{name}", body);

    /// <summary>A provider called "up" that leads to the fake.</summary>
    public async Task Use(FakeUpstream upstream, string? key = null, string kind = "openai", string? preset = null)
    {
        using var response = await PutProvider("up", new { kind, preset, baseUrl = upstream.BaseUrl, models = new[] { "real" }, key });
        response.EnsureSuccessStatusCode();
    }

    public Task<HttpResponseMessage> Chat(string body, params (string Name, string Value)[] headers) => Chat(body, CancellationToken.None, headers);

    public Task<HttpResponseMessage> Chat(string body, CancellationToken ct, params (string Name, string Value)[] headers) => Post("/v1/chat/completions", body, ct, headers);

    public Task<HttpResponseMessage> Messages(string body, params (string Name, string Value)[] headers) => Post("/anthropic/v1/messages", body, CancellationToken.None, headers);

    public async Task<HttpResponseMessage> Post(string path, string body, CancellationToken ct = default, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }
        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
    }

    public static string Ask(string model = "up/real", bool stream = false) =>
        $$"""{"model":"{{model}}","messages":[{"role":"user","content":"hi"}],"stream":{{(stream ? "true" : "false")}}}""";

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }
}

/// <summary>The in-memory log that also tells a test when the next record is there.</summary>
public sealed class RecordedCalls(IBudgetLedger ledger) : IModelCallLog, IDisposable
{
    private readonly InMemoryModelCallLog _log = new(ledger);
    private readonly SemaphoreSlim _stored = new(0);

    public Exception? FailsWith { get; set; }

    public Task<RecordedAnswer?> Find(string principal, string idempotencyKey, CancellationToken ct) => _log.Find(principal, idempotencyKey, ct);

    public async Task<RecordedAnswer?> Store(ModelCallRecord record, Settlement? settlement, ReadOnlyMemory<byte>? answer, CancellationToken ct)
    {
        if (FailsWith is { } failure)
        {
            throw failure;
        }
        var result = await _log.Store(record, settlement, answer, ct);
        _stored.Release();
        return result;
    }

    public async Task StoreAll(IReadOnlyList<CallEntry> entries, CancellationToken ct)
    {
        if (FailsWith is { } failure)
        {
            throw failure;
        }
        foreach (var entry in entries)
        {
            await _log.StoreAll([entry], ct);
            if (entry.Record is not null)
            {
                _stored.Release();
            }
        }
    }

    public Task<KeptTexts?> FindTexts(string key, DateTimeOffset since, CancellationToken ct) => _log.FindTexts(key, since, ct);

    public Task<KeptTexts?> Texts(Guid call, CancellationToken ct) => _log.Texts(call, ct);

    public Task<IReadOnlyList<ModelCallRecord>> Latest(int max, CancellationToken ct) => _log.Latest(max, ct);

    public void Dispose() => _stored.Dispose();

    /// <summary>Waits for the next record that has not been waited for.</summary>
    public async Task<ModelCallRecord> Next()
    {
        Assert.True(await _stored.WaitAsync(TimeSpan.FromSeconds(20)), "no record of the call was stored within 20 s");
        return (await _log.Latest(1, default))[0];
    }

    public async Task<int> Count() => (await _log.Latest(int.MaxValue, default)).Count;
}

public sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();

    public string Text => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{logLevel} {eventId.Id} {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}

public static class Reading
{
    public static async Task<JsonNode> Json(this HttpResponseMessage response) => JsonNode.Parse(await response.Content.ReadAsStringAsync())!;

    public static async Task<JsonNode> Error(this HttpResponseMessage response, int status)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"expected {status}, got {(int)response.StatusCode}: {text}");
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var error = JsonNode.Parse(text)!["error"]!;
        Assert.NotNull(error["message"]);
        Assert.NotNull(error["type"]);
        return error;
    }

    /// <summary>The data of each event, in order.</summary>
    public static async Task<List<string>> Events(this HttpResponseMessage response)
    {
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        var text = await response.Content.ReadAsStringAsync();
        return [.. text.Split('\n').Where(line => line.StartsWith("data:", StringComparison.Ordinal)).Select(line => line[5..].Trim())];
    }
}
