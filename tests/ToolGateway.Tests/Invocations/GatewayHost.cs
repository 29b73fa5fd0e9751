using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Secrets;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Usage;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

/// <summary>The gateway's handlers on real PostgreSQL and NATS, with tools of the test.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly TestFolder _folder = new();

    private GatewayHost(string database, Servers servers, ITool[] tools, ILoggerProvider? log)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        if (log is not null)
        {
            builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log);
        }

        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddEventStore(database, EventTypes.Of(typeof(InvocationEvent), typeof(PolicyEvent), typeof(TaintEvent), typeof(GrantEvent), typeof(McpServerEvent), typeof(SecretEvent)), ContractJson.Options, new EventStoreOptions { HoleGrace = TimeSpan.Zero }, MessagingSetup.Schema, SecretBook.Schema, CallsAtWork.Schema);
        builder.Services.AddMessaging(ServiceNames.ToolGateway, new MessagingOptions { Url = servers.Nats.Url, AckWait = TimeSpan.FromSeconds(3) }, Handlers.Register);
        builder.Services.AddProjections(new ProjectionOptions { LookEvery = TimeSpan.FromMilliseconds(5) }, new ToolUsageProjection());
        builder.Services
            .AddSingleton(new WorkspaceFolders(_folder.Path, new WorkspaceOptions()))
            .AddSingleton(new ToolRegistry(tools))
            .AddMcp(new McpOptions { Folder = _folder.Of("mcp"), RestartPauseMin = TimeSpan.FromMilliseconds(50) }, new MasterKey(new byte[32]))
            .AddInvocations(new InvocationOptions { CallsAtOnceMax = 64, RecoverEvery = TimeSpan.FromMilliseconds(250) });
        _host = builder.Build();
    }

    /// <summary>Where MCP servers that are programs have their folders.</summary>
    public string McpFolder => _folder.Of("mcp");

    public ExecuteInvocation Execute => _host.Services.GetRequiredService<ExecuteInvocation>();

    public RunningCalls Running => _host.Services.GetRequiredService<RunningCalls>();

    public PolicyBook Policy => _host.Services.GetRequiredService<PolicyBook>();

    public GrantBook Grants => _host.Services.GetRequiredService<GrantBook>();

    public SimulatePolicy Simulate => _host.Services.GetRequiredService<SimulatePolicy>();

    public ToolRegistry Registry => _host.Services.GetRequiredService<ToolRegistry>();

    public McpServerBook McpServers => _host.Services.GetRequiredService<McpServerBook>();

    public McpTools Mcp => _host.Services.GetRequiredService<McpTools>();

    public SecretBook Secrets => _host.Services.GetRequiredService<SecretBook>();

    public NatsLink Nats => _host.Services.GetRequiredService<NatsLink>();

    private PostgresEventStore Store => _host.Services.GetRequiredService<PostgresEventStore>();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static Task<GatewayHost> Start(Servers servers, params ITool[] tools) => Start(servers, log: null, tools);

    public static async Task<GatewayHost> Start(Servers servers, ILoggerProvider? log, params ITool[] tools)
    {
        var host = new GatewayHost(await servers.NewDatabase(), servers, tools, log);
        await host._host.StartAsync(Ct);
        await host.Nats.WaitConnected(Ct);
        await Eventually.True(() => Task.FromResult(host._host.Services.GetRequiredService<GatewayLife>().IsSeen), "others see that the gateway lives");
        await host.Policy.Set("rules: [{ name: probe, tools: [probe.*], verdict: allow, because: because }]", "test", expected: null, Ct);
        return host;
    }

    public Task Send(params object[] messages) => Write(InvocationId.New(), [], messages);

    public Task Write(InvocationId id, InvocationEvent[] facts, params object[] messages) =>
        _host.Services.GetRequiredService<DecisionWriter>().Write(Invocation.Kind, id.ToString(), _ => (facts, messages), session => session.CorrelationId = "run-1", Ct);

    /// <summary>A call that was started in another gateway.</summary>
    public Task Begun(InvocationId id, InvocationEvent[] facts, Guid gateway) =>
        _host.Services.GetRequiredService<DecisionWriter>().Write(Invocation.Kind, id.ToString(), _ => (facts, []), session => CallsAtWork.Begins(session, id, gateway), Ct);

    /// <summary>What other gateways see of one that lives, until this is disposed.</summary>
    public async Task<IAsyncDisposable> Living(Guid gateway)
    {
        var life = new GatewayLife(Store.Database, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<GatewayLife>.Instance, gateway);
        await life.StartAsync(Ct);
        await Eventually.True(() => Task.FromResult(life.IsSeen), "the other gateway is seen");
        return new Stopped(life);
    }

    /// <summary>How many messages of a kind were sent; and how many calls are recorded as running.</summary>
    public async Task<long> Count(string what)
    {
        await using var command = Store.Database.CreateCommand(what);
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }

    public async Task<(Invocation State, long Version)> Read(InvocationId id) => await _host.Services.GetRequiredService<IEventStore>().Aggregate(Invocation.Kind, id.ToString(), Ct);

    /// <summary>Every row of every table, as PostgreSQL holds them; bytes as hexadecimal digits.</summary>
    public async Task<string> Everything()
    {
        var all = new System.Text.StringBuilder();
        await using var tables = Store.Database.CreateCommand("select quote_ident(tablename) from pg_tables where schemaname = current_schema()");
        var names = new List<string>();
        await using (var reader = await tables.ExecuteReaderAsync(Ct))
        {
            while (await reader.ReadAsync(Ct))
            {
                names.Add(reader.GetString(0));
            }
        }

        foreach (var name in names)
        {
            await using var rows = Store.Database.CreateCommand($"select coalesce(string_agg(t::text, ' '), '') from {name} t");
            all.Append(name).Append(' ').AppendLine((string)(await rows.ExecuteScalarAsync(Ct))!);
        }

        return all.ToString();
    }

    /// <summary>Ends an MCP server of this gateway; the next call starts it again.</summary>
    public async Task Restart(string server)
    {
        var entry = (await McpServers.Find(server, Ct)).State.Set!.Entry;
        await McpServers.Set([(server, entry with { Trusted = !entry.Trusted })], "test", Ct);
    }

    public async Task<IReadOnlyList<ToolUsageView>> Usage()
    {
        await _host.Services.GetRequiredService<ProjectionDaemon>().CaughtUp(Ct);
        return [.. (await _host.Services.GetRequiredService<IEventStore>().Views.List<ToolUsage>(new ViewQuery(ToolUsage.List, 10), Ct)).Rows.Select(row => row.View())];
    }

    public async Task<Invocation.Ended> Ended(InvocationId id) =>
        (Invocation.Ended)await Eventually.Get(async () => (await Read(id)).State, state => state is Invocation.Ended, "the end of the call");

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        await ((IAsyncDisposable)_host).DisposeAsync();
        _folder.Dispose();
    }

    private sealed class Stopped(GatewayLife life) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await life.StopAsync(CancellationToken.None);
            life.Dispose();
        }
    }
}
