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

    private GatewayHost(string database, Servers servers, ITool[] tools)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddEventStore(database, EventTypes.Of(typeof(InvocationEvent), typeof(PolicyEvent), typeof(TaintEvent), typeof(GrantEvent), typeof(McpServerEvent), typeof(SecretEvent)), ContractJson.Options, new EventStoreOptions { HoleGrace = TimeSpan.Zero }, MessagingSetup.Schema, SecretBook.Schema);
        builder.Services.AddMessaging(ServiceNames.ToolGateway, new MessagingOptions { Url = servers.Nats.Url, AckWait = TimeSpan.FromSeconds(3) }, Handlers.Register);
        builder.Services.AddProjections(new ProjectionOptions { LookEvery = TimeSpan.FromMilliseconds(5) }, new ToolUsageProjection());
        builder.Services
            .AddSingleton(new WorkspaceFolders(_folder.Path, new WorkspaceOptions()))
            .AddSingleton(new ToolRegistry(tools))
            .AddMcp(new McpOptions { Folder = _folder.Of("mcp"), RestartPauseMin = TimeSpan.FromMilliseconds(50) }, new MasterKey(new byte[32]))
            .AddSingleton<PolicyBook>().AddSingleton<GrantBook>().AddSingleton<HearDecision>().AddSingleton<SimulatePolicy>()
            .AddSingleton<RequestInvocation>().AddSingleton<CallTool>().AddSingleton<RunningCalls>().AddSingleton<ExecuteInvocation>().AddSingleton<StopInvocation>();
        _host = builder.Build();
    }

    public ExecuteInvocation Execute => _host.Services.GetRequiredService<ExecuteInvocation>();

    public PolicyBook Policy => _host.Services.GetRequiredService<PolicyBook>();

    public GrantBook Grants => _host.Services.GetRequiredService<GrantBook>();

    public SimulatePolicy Simulate => _host.Services.GetRequiredService<SimulatePolicy>();

    public ToolRegistry Registry => _host.Services.GetRequiredService<ToolRegistry>();

    public McpServerBook McpServers => _host.Services.GetRequiredService<McpServerBook>();

    public McpTools Mcp => _host.Services.GetRequiredService<McpTools>();

    public SecretBook Secrets => _host.Services.GetRequiredService<SecretBook>();

    public NatsLink Nats => _host.Services.GetRequiredService<NatsLink>();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<GatewayHost> Start(Servers servers, params ITool[] tools)
    {
        var host = new GatewayHost(await servers.NewDatabase(), servers, tools);
        await host._host.StartAsync(Ct);
        await host.Nats.WaitConnected(Ct);
        await host.Policy.Set("rules: [{ name: probe, tools: [probe.*], verdict: allow, because: because }]", "test", expected: null, Ct);
        return host;
    }

    public Task Send(params object[] messages) => Write(InvocationId.New(), [], messages);

    public Task Write(InvocationId id, InvocationEvent[] facts, params object[] messages) =>
        _host.Services.GetRequiredService<DecisionWriter>().Write(Invocation.Kind, id.ToString(), _ => (facts, messages), session => session.CorrelationId = "run-1", Ct);

    public async Task<(Invocation State, long Version)> Read(InvocationId id) => await _host.Services.GetRequiredService<IEventStore>().Aggregate(Invocation.Kind, id.ToString(), Ct);

    /// <summary>Every event and every view, as PostgreSQL holds them.</summary>
    public async Task<string> Everything()
    {
        await using var command = _host.Services.GetRequiredService<PostgresEventStore>().Database.CreateCommand(
            "select coalesce((select string_agg(data::text, ' ') from mt_events), '') || coalesce((select string_agg(data::text, ' ') from ap_views), '') || coalesce((select string_agg(sealed, ' ') from ap_tool_secrets), '')");
        return (string)(await command.ExecuteScalarAsync(Ct))!;
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
}
