using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;

namespace AgentPlatform.Benchmarks.Models;

/// <summary>A gateway in a process of its own, and how it is asked for the benchmark's model.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private const string Token = "token-of-the-benchmark";
    private static readonly TimeSpan StartDurationMax = TimeSpan.FromMinutes(1);
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

    /// <summary>Ours, as it runs in production: with its event store and its bus.</summary>
    public static async Task<GatewayProcess> ModelFabric(BenchmarkRun run, string folder, string upstream)
    {
        var principals = Path.Combine(folder, "principals.json");
        await File.WriteAllTextAsync(principals, $$"""[{"name":"owner","role":"owner","tokenSha256":"{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token)))}}"}]""");
        var port = LoopbackPorts.Next();
        var http = Client();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        return await Ready(new GatewayProcess("ModelFabric", ChildProcess.Start(new ChildProcessStart("dotnet", Path.Combine(AppContext.BaseDirectory, "AgentPlatform.ModelFabric.dll"), $"--urls=http://127.0.0.1:{port}")
        {
            WorkingDirectory = folder,
            Environment = new Dictionary<string, string?>
            {
                ["AGENTPLATFORM_PRINCIPALS"] = principals,
                ["AGENTPLATFORM_DATA"] = folder,
                ["ConnectionStrings__modelfabricdb"] = await run.NewDatabase(),
                ["ConnectionStrings__nats"] = run.Nats.Url,
                ["ModelFabric__Providers__up__BaseUrl"] = upstream + "/v1",
            },
        }), port, "up/m", http), "/health");
    }

    /// <summary>npm <c>@portkey-ai/gateway</c>; null where Node.js is missing.</summary>
    public static async Task<GatewayProcess?> Portkey(string upstream)
    {
        if (NpmPackages.Missing is not null)
        {
            return null;
        }
        var packages = await NpmPackages.Ensure(Path.Combine(Here(), "../Npm"), CancellationToken.None);
        var port = LoopbackPorts.Next();
        var http = Client();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "key-of-nobody");
        http.DefaultRequestHeaders.Add("x-portkey-provider", "openai");
        http.DefaultRequestHeaders.Add("x-portkey-custom-host", upstream + "/v1");
        return await Ready(new GatewayProcess("Portkey", ChildProcess.Start(new ChildProcessStart("node", "node_modules/@portkey-ai/gateway/build/start-server.js", $"--port={port}", "--headless")
        {
            WorkingDirectory = packages,
        }), port, "m", http), "/");
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _process.DisposeAsync();
    }

    private static async Task<GatewayProcess> Ready(GatewayProcess gateway, string path)
    {
        await Eventually.True(() => Answers(gateway, path), $"{gateway.Name} answers", within: StartDurationMax);
        return gateway;
    }

    private static async Task<bool> Answers(GatewayProcess gateway, string path)
    {
        try
        {
            using var response = await gateway.Http.GetAsync(path);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException) when (gateway._process.IsRunning)
        {
            // Not listening yet.
            return false;
        }
    }

    private static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
