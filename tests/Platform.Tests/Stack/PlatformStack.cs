using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;
using Npgsql;
using RestEase;

namespace AgentPlatform.Platform.Tests.Stack;

/// <summary>The whole platform, started once for all tests the way a user starts it, reached only through what a user reaches.</summary>
public sealed class PlatformStack : IAsyncLifetime
{
    private const int PortsTaken = 40;
    private const int LogLinesShown = 25;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private readonly Dictionary<string, HttpClient> clients = new(StringComparer.Ordinal);
    private TemporaryFolder folder = null!;
    private RunningProgram host = null!;
    private int portBase;

    internal static readonly string[] Services = [.. ServiceNames.All];

    internal string Root => folder.Path;

    internal string Data => Path.Combine(Root, "data");

    internal string OwnerToken { get; private set; } = "";

    internal Family Family { get; private set; } = null!;

    internal string HostOutput => host.Output + host.Errors;

    internal IOrchestratorApi Orchestrator => Api<IOrchestratorApi>(ServiceNames.Orchestrator, (api, token) => api.Authorization = token);

    internal IToolGatewayApi ToolGateway => Api<IToolGatewayApi>(ServiceNames.ToolGateway, (api, token) => api.Authorization = token);

    internal IAuditApi Audit => Api<IAuditApi>(ServiceNames.Audit, (api, token) => api.Authorization = token);

    public async ValueTask InitializeAsync()
    {
        (folder, Family, portBase) = NewPlace();
        host = StartHost([], Root, portBase);
        await Until(
            () => Task.FromResult((Ready: host.Output.Contains("Stop with Ctrl-C", StringComparison.Ordinal), Ended: !host.IsRunning)), seen => seen.Ready || seen.Ended, "the platform is ready");
        Assert.True(host.IsRunning, $"The platform did not start.\n{HostOutput}");
        OwnerToken = (await File.ReadAllTextAsync(Path.Combine(Data, "owner.token"))).Trim();
        foreach (var service in Services)
        {
            clients[service] = new HttpClient { BaseAddress = new Uri(Endpoint(service)!) };
            clients[service].DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", OwnerToken);
        }
    }

    /// <summary>Stops the platform as Ctrl-C does, and holds that it ended well and left nothing behind.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            NativeCalls.Send(host.Id, Signal.Interrupt);
            var ended = await host.End(Deadline);
            Assert.True(ended.ExitCode == 0, $"The platform did not stop cleanly: {ended}");
            Assert.Empty(Family.All().Select(id => Family.Text(id, "cmdline")));
        }
        finally
        {
            await host.DisposeAsync();
            foreach (var client in clients.Values)
            {
                client.Dispose();
            }

            folder.Dispose();
        }
    }

    /// <summary>A folder and ports that nobody else has. Under root, tools and PostgreSQL run as other users, who must be able to pass the folder.</summary>
    internal static (TemporaryFolder Folder, Family Family, int PortBase) NewPlace()
    {
        var place = TemporaryFolder.Make();
        File.SetUnixFileMode(place.Path, File.GetUnixFileMode(place.Path) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        return (place, new Family(place.Path), LoopbackPorts.NextBlock(PortsTaken));
    }

    internal static RunningProgram StartHost(string[] args, string root, int portBase) => new(
        Built.AppHost,
        [.. args, "--quiet", "--data", Path.Combine(root, "data"), "--port-base", $"{portBase}"],
        new Dictionary<string, string> { ["AGENTPLATFORM_SHARED"] = Path.Combine(root, "shared") });

    /// <summary>An address from <c>platform.json</c>; null when the resource is not there.</summary>
    internal string? Endpoint(string resource)
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(Data, "platform.json")));
        return file.RootElement.GetProperty("endpoints").TryGetProperty(resource, out var address) ? address.GetString() : null;
    }

    /// <summary>A client that carries the owner's token.</summary>
    internal HttpClient Client(string service) => clients[service];

    internal RunningProgram Agentctl(params string[] args) => new(Built.Agentctl, args, new Dictionary<string, string> { ["AGENTPLATFORM_DATA"] = Data });

    internal async Task<Ended> AgentctlEnd(params string[] args)
    {
        await using var program = Agentctl(args);
        return await End(program);
    }

    /// <summary>The end of a program; the logs of all services when it does not come.</summary>
    internal async Task<Ended> End(RunningProgram program)
    {
        try
        {
            return await program.End(Deadline);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(e.Message + Logs(Services), e);
        }
    }

    internal NpgsqlDataSource Database(string service) => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = portBase + 32,
        Username = "agentplatform",
        Database = service + "db",
        Passfile = Path.Combine(Data, "credentials", "postgres.password"),
        Pooling = false,
    });

    /// <summary>Looks until it holds; a service that is down for the moment is looked at again. Says at the deadline what the services logged.</summary>
    internal async Task<T> Until<T>(Func<Task<T>> look, Func<T, bool> holds, string what)
    {
        var unreachable = "";
        try
        {
            var seen = await Eventually.Get<(bool Answered, T? Value)>(
                async () =>
                {
                    try
                    {
                        return (true, await look());
                    }
                    catch (Exception e) when (IsDown(e))
                    {
                        unreachable = e.Message;
                        return (false, default);
                    }
                },
                seen => seen.Answered && holds(seen.Value!),
                what,
                Deadline);
            return seen.Value!;
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}. {unreachable}\n--- host\n{HostOutput}{Logs(Services)}", e);
        }
    }

    /// <summary>Waits for a new process of a resource in place of the one that was killed, and for every service to be healthy.</summary>
    internal async Task Recovers(string resource, int killed)
    {
        await Until(() => Task.FromResult(Family.Of(resource)), now => now > 0 && now != killed, $"{resource} is started again");
        foreach (var service in Services)
        {
            await Until(() => clients[service].GetAsync("health"), answer => answer.IsSuccessStatusCode, $"{service} is healthy after {resource} was killed");
        }
    }

    internal string Logs(IEnumerable<string> of)
    {
        var text = new StringBuilder();
        foreach (var file in of.Select(service => Path.Combine(Data, "logs", service + ".log")).Where(File.Exists))
        {
            text.Append('\n').Append("--- ").AppendLine(Path.GetFileName(file)).AppendJoin('\n', File.ReadAllLines(file).TakeLast(LogLinesShown));
        }

        return text.ToString();
    }

    private static bool IsDown(Exception e) => e is HttpRequestException or IOException or NpgsqlException or ApiException { StatusCode: >= System.Net.HttpStatusCode.InternalServerError };

    private T Api<T>(string service, Action<T, string> authorize)
    {
        var api = RestClients.For<T>(clients[service]);
        authorize(api, $"Bearer {OwnerToken}");
        return api;
    }
}
