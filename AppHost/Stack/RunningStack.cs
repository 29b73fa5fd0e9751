using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Dashboard;
using AgentPlatform.AppHost.Data;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Model;
using AgentPlatform.AppHost.Supervision;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.AppHost.Stack;

/// <summary>The topology, running: one supervisor per instance, the resource service and the dashboard.</summary>
internal sealed class RunningStack : IAsyncDisposable
{
    private readonly IReadOnlyList<Resource> resources;
    private readonly StackContext context;
    private readonly LogBook logs;
    private readonly TimeProvider time;
    private readonly Dictionary<string, Supervisor> supervisors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Charge> charges = new(StringComparer.Ordinal);
    private Supervisor? dashboard;
    private ResourceServer? resourceServer;

    private RunningStack(IReadOnlyList<Resource> resources, StackContext context, LogBook logs, TimeProvider time)
    {
        this.resources = resources;
        this.context = context;
        this.logs = logs;
        this.time = time;
    }

    public StateBoard Board { get; } = new();

    public StackContext Context => context;

    /// <summary>Where things are, for <c>platform.json</c> and the terminal.</summary>
    public IReadOnlyDictionary<string, string> Endpoints
    {
        get
        {
            var all = resources
                .Where(resource => resource.Endpoints.Count > 0 && !context.Options.External.ContainsKey(resource.Name) && resource is not PostgresResource)
                .ToDictionary(resource => resource.Name, resource => resource is NatsResource nats ? context.Nats(nats).Url : context.UrlOf(resource, resource.Endpoints[0]), StringComparer.Ordinal);
            if (context.HasDashboard)
            {
                all[LaunchDashboard.Name] = context.DashboardUrl;
            }

            return all;
        }
    }

    /// <summary>Starts everything; returns at once, the supervisors do the waiting.</summary>
    public static async Task<RunningStack> Start(
        IReadOnlyList<Resource> chosen, AppHostOptions options, DataFolder data, FoundPrograms programs, Terminal terminal, StackTimings timings, TimeProvider time)
    {
        var credentials = new Credentials(data);
        credentials.Ensure(chosen.OfType<ProjectResource>().Select(resource => resource.Name));
        var book = new LogBook(data.Logs, terminal, time);
        var stack = new RunningStack(chosen, new StackContext(options, data, credentials, programs, book), book, time);
        try
        {
            foreach (var resource in chosen)
            {
                for (var i = 0; i < stack.context.ReplicasOf(resource); i++)
                {
                    stack.Supervise(Describe.Charge(stack.context, chosen, resource, i, time.GetUtcNow()), timings);
                }
            }

            await stack.StartDashboard(timings);
            foreach (var supervisor in stack.supervisors.Values)
            {
                supervisor.Start();
            }

            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until every resource is ready. The dashboard is not waited for: nobody depends on it.</summary>
    /// <exception cref="TimeoutException">Something is not; the message names it and its last words.</exception>
    public async Task UntilReady(CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(context.Options.ReadyTimeout);
        try
        {
            await Board.Until(
                picture => supervisors.Keys.All(name => picture[name].IsReady) || picture.Values.Any(snapshot => !snapshot.IsHidden && snapshot.State == States.FailedToStart),
                patience.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
        }

        ct.ThrowIfCancellationRequested();
        var laggards = supervisors.Keys.Select(name => Board.Find(name)!).Where(snapshot => !snapshot.IsReady).ToArray();
        if (laggards.Length > 0)
        {
            throw new TimeoutException(string.Join('\n', laggards.Select(Explain)));
        }
    }

    /// <summary>Stops everything in reverse order: what waits for something stops before it. Then the dashboard, so that the end can be watched.</summary>
    public async ValueTask DisposeAsync()
    {
        var left = charges.Values.ToDictionary(charge => charge.Blank.Name, charge => charge.WaitsFor, StringComparer.Ordinal);
        while (left.Count > 0)
        {
            string[] free = [.. left.Keys.Where(name => !left.Values.Any(waits => waits.Contains(name)))];
            await Task.WhenAll(free.Select(name => supervisors[name].DisposeAsync().AsTask()));
            Array.ForEach(free, name => left.Remove(name));
        }

        if (dashboard is not null)
        {
            await dashboard.DisposeAsync();
        }

        if (resourceServer is not null)
        {
            await resourceServer.DisposeAsync();
        }

        await context.DisposeAsync();
        logs.Dispose();
    }

    private void Supervise(Charge charge, StackTimings timings)
    {
        charges.Add(charge.Blank.Name, charge);
        supervisors.Add(charge.Blank.Name, new Supervisor(charge, Board, logs.For(charge.Blank.LogName), timings.Restart, timings.Health, time));
    }

    private async Task StartDashboard(StackTimings timings)
    {
        if (!context.HasDashboard)
        {
            return;
        }

        var key = PrivateFiles.NewSecret();   // Shared by two processes of one run; nobody else needs it, so it is not kept.
        resourceServer = await ResourceServer.Start("AgentPlatform", key, Board, logs, new RunCommand(supervisors, Board));
        var charge = Describe.Dashboard(context, new LaunchDashboard(context, resourceServer.Url, key), time.GetUtcNow());
        dashboard = new Supervisor(charge, Board, logs.For(LaunchDashboard.Name), timings.Restart, timings.Health, time);
        dashboard.Start();
    }

    private string Explain(ResourceSnapshot snapshot)
    {
        const int linesShown = 8;
        var why = snapshot.State switch
        {
            States.Waiting => "waits for " + string.Join(", ", charges[snapshot.Name].WaitsFor.Where(name => Board.Find(name) is not { IsReady: true })),
            States.Running => "is not healthy: " + snapshot.Health?.Description,
            var state => "is " + state,
        };
        var tail = logs.For(snapshot.LogName).Tail(linesShown);
        return $"{snapshot.Name} {why}{string.Concat(tail.Select(line => "\n    " + line))}";
    }
}

/// <summary>The waits of a stack; tests shorten them.</summary>
internal sealed record StackTimings
{
    public RestartOptions Restart { get; init; } = new();

    public HealthOptions Health { get; init; } = new();
}
