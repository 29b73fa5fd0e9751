using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;

namespace AgentPlatform.Benchmarks;

/// <summary>A gateway in a process of its own, and how it is asked for the benchmark's model.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private const string Token = "token-of-the-benchmark";
    private static readonly TimeSpan StartDurationMax = TimeSpan.FromMinutes(1);
    private static readonly ConcurrentQueue<string> Said = new();
    private readonly ChildProcess _process;

    private GatewayProcess(string name, ChildProcess process, int port, string model, HttpClient http)
    {
        (Name, _process, Url, Model, Http) = (name, process, $"http://127.0.0.1:{port}", model, http);
        Http.BaseAddress = new Uri(Url);
    }

    public string Name { get; }
    public string Url { get; }
    public string Model { get; }

    /// <summary>Sends what the gateway wants to know beside the request.</summary>
    public HttpClient Http { get; }

    /// <summary>What the process holds in memory, and the most it ever held.</summary>
    public (double Now, double Peak) Megabytes
    {
        get
        {
            var status = File.ReadAllLines($"/proc/{_process.Id}/status");
            double Of(string name) => double.Parse(status.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
            return (Of("VmRSS:"), Of("VmHWM:"));
        }
    }

    /// <summary>CPU time the process has taken, in clock ticks of 10 ms.</summary>
    public TimeSpan Processor
    {
        get
        {
            var text = File.ReadAllText($"/proc/{_process.Id}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromMilliseconds(10 * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)));
        }
    }

    public static HttpClient Client() => new(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 512 });

    /// <summary>ModelFabric, as it runs in production: with its event store and its bus.</summary>
    public static Task<GatewayProcess> ModelFabric(BenchmarkRun run, string folder, string upstream) => Ours(run, folder, "ModelFabric", "up/m", ("ModelFabric__Providers__up__BaseUrl", upstream + "/v1"));

    /// <summary>ToolGateway, as it runs in production.</summary>
    public static async Task<GatewayProcess> ToolGateway(BenchmarkRun run, string folder)
    {
        var key = Path.Combine(folder, "master.key");
        await File.WriteAllBytesAsync(key, RandomNumberGenerator.GetBytes(32));
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return await Ours(run, folder, "ToolGateway", "", ("AGENTPLATFORM_MASTER_KEY_FILE", key));
    }

    /// <summary>npm <c>@portkey-ai/gateway</c>; null where Node.js is missing.</summary>
    public static async Task<GatewayProcess?> Portkey(string upstream)
    {
        if (NpmPackages.Missing is not null)
        {
            return null;
        }
        var packages = await NpmPackages.Ensure(Path.Combine(Here(), "Npm"), CancellationToken.None);
        var port = LoopbackPorts.Next();
        var http = Client();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "key-of-nobody");
        http.DefaultRequestHeaders.Add("x-portkey-provider", "openai");
        http.DefaultRequestHeaders.Add("x-portkey-custom-host", upstream + "/v1");
        return await Ready(new GatewayProcess("Portkey", Node(packages, ["node_modules/@portkey-ai/gateway/build/start-server.js", $"--port={port}", "--headless"]), port, "m", http), "/", healthy: true);
    }

    /// <summary>A program for Node.js that listens; any answer shows that it does.</summary>
    public static Task<GatewayProcess> Listening(string name, string folder, int port, params string[] arguments) =>
        Ready(new GatewayProcess(name, Node(folder, arguments, ("PORT", $"{port}")), port, "", Client()), "/mcp", healthy: false);

    private static async Task<GatewayProcess> Ours(BenchmarkRun run, string folder, string service, string model, params (string Name, string Value)[] more)
    {
        var principals = Path.Combine(folder, "principals.json");
        await File.WriteAllTextAsync(principals, $$"""[{"name":"owner","role":"owner","tokenSha256":"{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token)))}}"}]""");
        var port = LoopbackPorts.Next();
        var http = Client();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        var environment = new Dictionary<string, string?>
        {
            ["AGENTPLATFORM_PRINCIPALS"] = principals,
            ["AGENTPLATFORM_DATA"] = folder,
            [$"ConnectionStrings__{service.ToLowerInvariant()}db"] = await run.NewDatabase(),
            ["ConnectionStrings__nats"] = run.Nats.Url,
        };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }
        return await Ready(new GatewayProcess(service, ChildProcess.Start(new ChildProcessStart("dotnet", Path.Combine(AppContext.BaseDirectory, $"AgentPlatform.{service}.dll"), $"--urls=http://127.0.0.1:{port}")
        {
            WorkingDirectory = folder, Environment = environment,
        }), port, model, http), "/health", healthy: true);
    }

    // With an input that is no pipe: supergateway ends when its own is closed.
    private static ChildProcess Node(string folder, string[] arguments, params (string Name, string Value)[] environment) => ChildProcess.Start(new ChildProcessStart("sh", ["-c", "exec node \"$@\" </dev/null", "sh", .. arguments])
    {
        WorkingDirectory = folder, Environment = environment.ToDictionary(e => e.Name, e => (string?)e.Value), OnLine = line => Said.Enqueue(line.Text),
    });

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _process.DisposeAsync();
    }

    private static async Task<GatewayProcess> Ready(GatewayProcess gateway, string path, bool healthy)
    {
        await Eventually.True(() => Answers(gateway, path, healthy), $"{gateway.Name} answers", within: StartDurationMax);
        return gateway;
    }

    private static async Task<bool> Answers(GatewayProcess gateway, string path, bool healthy)
    {
        try
        {
            using var response = await gateway.Http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
            return !healthy || response.IsSuccessStatusCode;
        }
        catch (HttpRequestException e)
        {
            // Not listening yet.
            return gateway._process.IsRunning ? false : throw new InvalidOperationException($"{gateway.Name} ended with {await gateway._process.Exited}: {string.Join('\n', Said)}", e);
        }
    }

    private static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
