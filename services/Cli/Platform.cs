using System.Net.Http.Headers;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli;

/// <summary>Where the platform is and who we are: environment first, then what the AppHost wrote into the data folder, then the default ports.</summary>
public sealed class Platform : IDisposable
{
    private static readonly Dictionary<string, int> DefaultPorts = new(StringComparer.Ordinal)
    {
        [ServiceNames.Orchestrator] = 7101,
        [ServiceNames.ToolGateway] = 7102,
        [ServiceNames.ModelFabric] = 7103,
        [ServiceNames.Sessions] = 7104,
        [ServiceNames.Audit] = 7105,
    };

    private readonly Dictionary<string, HttpClient> _clients = new(StringComparer.Ordinal);
    private readonly IReadOnlyDictionary<string, string> _endpoints;
    private readonly Lazy<string> _token;

    private Platform(string dataFolder, IReadOnlyDictionary<string, string> endpoints, Lazy<string> token) => (DataFolder, _endpoints, _token) = (dataFolder, endpoints, token);

    /// <summary>The data folder that was looked into.</summary>
    public string DataFolder { get; }

    public IOrchestratorApi Orchestrator => With(Client(ServiceNames.Orchestrator), http => RestClients.For<IOrchestratorApi>(http), (api, auth) => api.Authorization = auth);

    public IToolGatewayApi ToolGateway => With(Client(ServiceNames.ToolGateway), http => RestClients.For<IToolGatewayApi>(http), (api, auth) => api.Authorization = auth);

    public IModelFabricApi ModelFabric => With(Client(ServiceNames.ModelFabric), http => RestClients.For<IModelFabricApi>(http), (api, auth) => api.Authorization = auth);

    public ISessionsApi Sessions => With(Client(ServiceNames.Sessions), http => RestClients.For<ISessionsApi>(http), (api, auth) => api.Authorization = auth);

    public IAuditApi Audit => With(Client(ServiceNames.Audit), http => RestClients.For<IAuditApi>(http), (api, auth) => api.Authorization = auth);

    /// <summary>The dead letters of one service.</summary>
    public IDeadLettersApi DeadLetters(string service) => With(Client(service), http => RestClients.For<IDeadLettersApi>(http), (api, auth) => api.Authorization = auth);

    /// <summary>Finds the platform.</summary>
    /// <param name="dataFolder">As given with <c>--data</c>.</param>
    /// <exception cref="CliException">There is no token to be found.</exception>
    public static Platform Find(string? dataFolder)
    {
        var data = dataFolder ?? Environment.GetEnvironmentVariable("AGENTPLATFORM_DATA") ?? DefaultDataFolder();
        var endpoints = DefaultPorts.ToDictionary(p => p.Key, p => $"http://127.0.0.1:{p.Value}", StringComparer.Ordinal);
        var described = Path.Combine(data, "platform.json");
        if (File.Exists(described))
        {
            foreach (var (name, url) in Described(described))
            {
                endpoints[name] = url;
            }
        }

        foreach (var service in ServiceNames.All)
        {
            endpoints[service] = Environment.GetEnvironmentVariable($"AGENTPLATFORM_{service.ToUpperInvariant()}_URL") ?? endpoints[service];
        }

        // Looked for when something is first asked: what was typed wrong is said first, whether there is a platform or not.
        return new Platform(data, endpoints, new Lazy<string>(() => Token(data)));
    }

    /// <summary>A client whose requests carry the token.</summary>
    public HttpClient Client(string service)
    {
        if (!_clients.TryGetValue(service, out var client))
        {
            client = _clients[service] = new HttpClient { BaseAddress = new Uri(_endpoints[service]), Timeout = Timeout.InfiniteTimeSpan };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _token.Value);
        }

        return client;
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private static Dictionary<string, string> Described(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(file)).GetProperty("endpoints").EnumerateObject().ToDictionary(e => e.Name, e => e.Value.GetString()!, StringComparer.Ordinal);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IOException)
        {
            throw new CliException(ExitCode.Unreachable, $"{file} does not say where the platform is ({e.Message}); the AppHost writes it anew when it starts");
        }
    }

    private static string Token(string data)
    {
        var given = Environment.GetEnvironmentVariable("AGENTPLATFORM_TOKEN");
        if (given is { Length: > 0 })
        {
            return given;
        }

        var file = Path.Combine(data, "owner.token");
        return File.Exists(file)
            ? File.ReadAllText(file).Trim()
            : throw new CliException(ExitCode.Unreachable, $"No platform was found: {file} does not exist. Start one with 'dotnet run --project AppHost', name its data folder with --data, or set AGENTPLATFORM_TOKEN");
    }

    private static string DefaultDataFolder() =>
        Path.Combine(
            Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } xdg ? xdg : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share"),
            "agentplatform");

    private T With<T>(HttpClient http, Func<HttpClient, T> make, Action<T, string> authorize)
    {
        var api = make(http);
        authorize(api, $"Bearer {_token.Value}");
        return api;
    }
}
