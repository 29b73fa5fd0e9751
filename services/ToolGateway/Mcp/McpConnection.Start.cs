using System.Collections.Concurrent;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>How a server is started or reached, and signed in at.</summary>
internal sealed partial class McpConnection
{
    private string SignInTrouble => $"it waits for somebody to sign in; run: agentctl mcp login {name}";

    /// <summary>Opens it, or tells where somebody has to sign in first.</summary>
    /// <exception cref="McpUnavailableException">It cannot be reached.</exception>
    public async Task<McpLogin?> Login(CancellationToken ct)
    {
        // Whoever asks for it does not wait for a pause to pass.
        _restartAt = default;
        while (true)
        {
            if (Logins.Waiting(name) is { } waiting)
            {
                return waiting;
            }

            try
            {
                await Open(ct);
                return null;
            }
            catch (McpSignInWantedException)
            {
                // Where, is to be seen now; or somebody signed in meanwhile.
            }
        }
    }

    private async Task<McpClient> Start(ConcurrentDictionary<string, string> values, CancellationToken ct)
    {
        var pause = _restartAt - time.GetUtcNow();
        if (pause > options.RestartPatience)
        {
            throw new McpUnavailableException($"The MCP server '{name}' failed {_failures} times; the next try is in {pause.TotalSeconds:0} s. It said: {Trouble}");
        }

        if (pause > TimeSpan.Zero)
        {
            await Task.Delay(pause, time, ct);
        }

        Starting(name);
        return await McpClient.CreateAsync(
            new McpWire(entry.Url is null ? _program = Program(values) : Address(values), told => Heard(told, values)),
            new McpClientOptions
            {
                ClientInfo = new Implementation { Name = "AgentPlatform", Version = "1" },

                // Ours ends it earlier, unless a human signs in meanwhile.
                InitializationTimeout = options.StartDurationMax + options.LoginDurationMax + options.StartDurationMax,

                // Over HTTP there is always an answer; to take a slow one for none would be to speak an older revision with a server that has none.
                DiscoverProbeTimeout = entry.Url is null ? options.ProbePatience : Timeout.InfiniteTimeSpan,
                Handlers = Handlers(values),
            },
            _sdkLoggers,
            ct);
    }

    private McpProgram Program(IReadOnlyDictionary<string, string> values)
    {
        // Built from nothing: the gateway's own environment names the files of its secrets.
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? Sandbox.Confinement.SearchPath };
        foreach (var (variable, value) in entry.Env)
        {
            environment[variable] = Text(value, values);
        }

        return new McpProgram(name, entry, environment, Confinement, options, time, line => SaidAside(name, McpResult.Masked(line, values)), _sdkLoggers);
    }

    private HttpClientTransport Address(ConcurrentDictionary<string, string> values)
    {
        var url = new Uri(entry.Url!);
        return new HttpClientTransport(
            new HttpClientTransportOptions
            {
                Name = name, Endpoint = url, ConnectionTimeout = options.StartDurationMax,
                AdditionalHeaders = entry.Headers.ToDictionary(h => h.Key, h => Text(h.Value, values), StringComparer.Ordinal),

                // A token is not sent where others can read it.
                OAuth = entry.Headers.Keys.Contains("Authorization", StringComparer.OrdinalIgnoreCase) || (url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback) ? null : OAuth(values),
            },
            new HttpClient(new AuthorizationHosts(name, url, entry.OAuth?.Hosts ?? [], _log)) { Timeout = Timeout.InfiniteTimeSpan },
            _sdkLoggers,
            ownsHttpClient: true);
    }

    private ClientOAuthOptions OAuth(ConcurrentDictionary<string, string> values) => new()
    {
        RedirectUri = Logins.RedirectUri,
        ClientId = entry.OAuth?.ClientId,
        ClientSecret = entry.OAuth?.ClientSecret is { } secret ? Text(secret, values) : null,
        Scopes = entry.OAuth?.Scopes is { Length: > 0 } scopes ? scopes : null,
        ClientMetadataDocumentUri = entry.OAuth?.ClientMetadataUrl is { } metadata ? new Uri(metadata) : null,
        DynamicClientRegistration = new DynamicClientRegistrationOptions { ClientName = "AgentPlatform" },
        TokenCache = new McpTokens(name, entry.Url!, secrets, values, time),
        AuthorizationCallbackHandler = SignIn,
    };

    private async Task<AuthorizationResult?> SignIn(AuthorizationCallbackContext asked, CancellationToken ct)
    {
        var login = await Logins.Ask(name, asked.AuthorizationUri, ct);
        var answer = Logins.Answer(login, ct);
        _calls.While(answer);
        Trouble = SignInTrouble;
        _signInWanted.TrySetResult();
        try
        {
            // Not the server's time, nor that of a call in whose course it asks for more.
            return _patience is { } patience ? await patience.While(answer) : await answer;
        }
        finally
        {
            lock (_gate)
            {
                _signInWanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            Trouble = null;
        }
    }

    private async Task<ConcurrentDictionary<string, string>> Secrets(CancellationToken ct)
    {
        var values = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        foreach (var secret in entry.Env.Values.Concat(entry.Headers.Values).Concat(entry.OAuth?.ClientSecret is { } own ? [own] : []).Select(v => v.Secret).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            values[secret] = await secrets.Reveal(secret, ct) ?? throw new InvalidOperationException($"it needs the secret '{secret}', which is not there; keep it with PUT /v1/secrets/{secret}");
        }

        return values;
    }

    private static string Text(McpValue value, IReadOnlyDictionary<string, string> secrets) => value.Secret is { } secret ? value.Prefix + secrets[secret] : value.Text!;

    [LoggerMessage(4201, LogLevel.Information, "MCP server {Server} is being started")]
    private partial void Starting(string server);

    [LoggerMessage(4205, LogLevel.Debug, "MCP server {Server}: {Line}")]
    private partial void SaidAside(string server, string line);
}
