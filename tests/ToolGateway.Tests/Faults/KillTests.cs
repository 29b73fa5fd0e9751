using System.Collections.Concurrent;
using AgentPlatform.Contracts;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Tests.Invocations;
using Npgsql;

namespace AgentPlatform.ToolGateway.Tests.Faults;

/// <summary>A gateway that dies by SIGKILL at every step of calls whose effect must not be repeated: each effect happened once, or a human is asked.</summary>
public sealed class KillTests(Servers servers) : IClassFixture<Servers>
{
    private const int CallsPerLife = 3;
    private const int Seed = 20_260_115;
    private const int LinesKept = 50;
    private static readonly TimeSpan PatienceWithOne = TimeSpan.FromSeconds(20);

    /// <summary>How many gateways die; every point at least once. More on demand: <c>AGENTPLATFORM_GATEWAY_KILLS=200</c>.</summary>
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("AGENTPLATFORM_GATEWAY_KILLS") ?? "26", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What a call comes by, in its order: taken in and started, run, settled, told.</summary>
    private static readonly string[] Points =
    [
        "Delivered", "Decided", "Stored", "Handled", "Confirmed", "Numbered", "Published", "Acknowledged", "Marked", "BeforeEffect", "AfterEffect", "FactsAcknowledged", "FactsKept",
    ];

    private static readonly string[] RelayPoints = ["Numbered", "Published", "Acknowledged", "Marked", "FactsAcknowledged", "FactsKept"];

    private readonly ConcurrentQueue<string> _said = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_effect_happens_once_or_is_left_to_a_human_at_whichever_step_the_gateway_is_killed()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Of("effects"));
        Directory.CreateDirectory(folder.Of("workspaces"));
        var database = await servers.NewDatabase();
        await using var caller = await Caller.Start(servers);
        var random = new Random(Seed);
        var asked = new List<InvocationId>();
        var killed = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var life = 0; life < Kills; life++)
        {
            var calls = Enumerable.Range(0, CallsPerLife).Select(_ => Story.Call with { Invocation = InvocationId.New(), Tool = "effect.make", Arguments = Story.Json("{}") }).ToArray();
            asked.AddRange(calls.Select(call => call.Invocation));
            await caller.Ask(calls);
            var point = Points[life % Points.Length];
            // The relay carries what there is at once: it comes by its points once for all calls, or for each.
            var count = random.Next(1, CallsPerLife + 1);
            await using var gateway = Start(database, folder.Path, point, RelayPoints.Contains(point) ? 1 : count);
            if (await Ends(gateway))
            {
                killed[point] = killed.GetValueOrDefault(point) + 1;
            }
        }

        await using var last = Start(database, folder.Path, "Never", 0);
        await using var events = NpgsqlDataSource.Create(database);
        try
        {
            await Eventually.True(
                () => Task.FromResult(asked.TrueForAll(id => caller.Answers.Any(answer => answer.Invocation == id))), "an answer to every call", TimeSpan.FromMinutes(2));
        }
        catch (TimeoutException e)
        {
            Assert.Fail($"{e.Message}; without one:\n{await Told(events, asked.Where(id => !caller.Answers.Any(answer => answer.Invocation == id)))}\nthe last gateway {(last.IsRunning ? "lives" : "is gone")} and said:\n{string.Join('\n', _said)}");
        }

        await last.KillAsync();
        var outcomes = new List<ToolOutcomeStatus>();
        foreach (var id in asked)
        {
            var answer = Assert.Single(caller.Answers, answer => answer.Invocation == id);
            Assert.Equal(1L, await Count(events, id, "invocation-settled.1"));
            Assert.Equal(Story.Call.Run.ToString(), await Correlations(events, id));
            var effect = folder.Of($"effects/{id}");
            var times = File.Exists(effect) ? (await File.ReadAllLinesAsync(effect, Ct)).Length : 0;
            Assert.True(
                answer.Outcome.Status == ToolOutcomeStatus.Completed ? times == 1 : answer.Outcome.Status == ToolOutcomeStatus.NeedsReconcile && times <= 1,
                $"{id} ended as {answer.Outcome.Status} and had its effect {times} times");
            outcomes.Add(answer.Outcome.Status);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{killed.Values.Sum()} gateways killed ({string.Join(", ", killed.Select(k => $"{k.Key} {k.Value}"))}); of {asked.Count} calls {outcomes.Count(o => o == ToolOutcomeStatus.Completed)} completed, {outcomes.Count(o => o == ToolOutcomeStatus.NeedsReconcile)} need a human.");
        Assert.Equal(Points.Order(StringComparer.Ordinal), killed.Keys.Order(StringComparer.Ordinal));
        Assert.Contains(ToolOutcomeStatus.NeedsReconcile, outcomes);
    }

    private static async Task<long> Count(NpgsqlDataSource events, InvocationId id, string type)
    {
        await using var command = events.CreateCommand("select count(*) from mt_events where stream_id = $1 and type = $2");
        command.Parameters.Add(new() { Value = $"invocation-{id}" });
        command.Parameters.Add(new() { Value = type });
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }

    // Whoever ended it: whoever lists the events of the run finds them all.
    private static async Task<string> Correlations(NpgsqlDataSource events, InvocationId id)
    {
        await using var command = events.CreateCommand("select string_agg(distinct coalesce(correlation_id, 'none'), ', ') from mt_events where stream_id = $1");
        command.Parameters.Add(new() { Value = $"invocation-{id}" });
        return (string)(await command.ExecuteScalarAsync(Ct))!;
    }

    private static async Task<string> Told(NpgsqlDataSource events, IEnumerable<InvocationId> calls)
    {
        var told = new List<string>();
        foreach (var id in calls)
        {
            await using var command = events.CreateCommand(
                "select coalesce((select string_agg(type, ', ' order by version) from mt_events where stream_id = $1), 'nothing') || '; at work: ' || (select count(*) from ap_tool_calls_at_work where invocation = $2)");
            command.Parameters.Add(new() { Value = $"invocation-{id}" });
            command.Parameters.Add(new() { Value = id.Value });
            told.Add($"{id}: {await command.ExecuteScalarAsync(Ct)}");
            foreach (var table in (string[])["ap_outbox", "ap_sent", "ap_dead_letters", "ap_inbox"])
            {
                await using var found = events.CreateCommand($"select string_agg(t::text, ' | ') from {table} t where position($1 in t::text) > 0 or position(encode(convert_to($1, 'utf8'), 'hex') in t::text) > 0");
                found.Parameters.Add(new() { Value = id.ToString() });
                told.Add($"  {table}: {await found.ExecuteScalarAsync(Ct)}");
            }
        }

        await using var marks = events.CreateCommand("select (select string_agg(m::text, ' | ') from ap_marks m) || ' passed ' || coalesce((select string_agg(p::text, ' | ') from ap_passed p), '') || ' channels ' || (select string_agg(c::text, ' | ') from ap_channels c)");
        told.Add($"{await marks.ExecuteScalarAsync(Ct)}");
        return string.Join('\n', told);
    }

    private ChildProcess Start(string database, string folder, string point, int count) => ChildProcess.Start(
        new ChildProcessStart("dotnet", [Path.Combine(AppContext.BaseDirectory, "AgentPlatform.DoomedGateway.dll"), database, servers.Nats.Url, folder, point, $"{count}"])
        {
            OnLine = line =>
            {
                _said.Enqueue(line.Text);
                while (_said.Count > LinesKept && _said.TryDequeue(out _))
                {
                }
            },
        });

    /// <summary>Whether it came to its point; killed from outside when it does not, which is a death like any other.</summary>
    private async Task<bool> Ends(ChildProcess gateway)
    {
        try
        {
            var code = await gateway.Exited.WaitAsync(PatienceWithOne, Ct);
            Assert.True(code == 128 + 9, $"The gateway ended with {code}: {string.Join('\n', _said)}");
            return true;
        }
        catch (TimeoutException)
        {
            await gateway.KillAsync();
            return false;
        }
    }
}
