using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Tests.Runs;

/// <summary>What the tasks of a world come to; decided by the seed of the plan, never by the order in which the world tells it.</summary>
/// <param name="Plan">A random graph of tasks.</param>
/// <param name="Seed">Decides the results.</param>
internal sealed record WorldPlan(Plan Plan, int Seed)
{
    public static WorldPlan From(int seed, bool asksHumans = false, DispatchOrder order = DispatchOrder.Deterministic)
    {
        var random = new Random(seed);
        var count = random.Next(1, 25);
        var tasks = Enumerable.Range(0, count).Select(n => new PlanTask(
            $"t{n}",
            Needs: [.. Enumerable.Range(0, n).Where(_ => random.NextDouble() < 2.0 / (n + 1)).Select(m => $"t{m}")],
            Tool: new PlanTool("files.read"),
            Retry: random.Next(3) == 0 ? new PlanRetry(random.Next(1, 4)) : null,
            Approval: asksHumans && random.Next(4) == 0 ? new PlanApproval() : null,
            Priority: random.Next(3) == 0 ? random.Next(-2, 3) : null)).ToArray();
        random.Shuffle(tasks);
        return new WorldPlan(new Plan($"world-{seed}", tasks, Workers: random.Next(1, 7), Order: order), seed);
    }

    public AttemptResult Result(string task, int attempt)
    {
        var random = new Random((Seed * 1_000) + (int.Parse(task[1..]) * 10) + attempt);
        return random.NextDouble() < 0.75
            ? Some.Done($"out/{task}.{random.Next(3)}.txt") with { Tokens = random.Next(100) }
            : Some.Failed(retryable: random.Next(3) != 0);
    }
}

/// <summary>The real deciders of a run, with messages that overtake each other, come twice, and come late.</summary>
internal sealed class World
{
    private readonly WorldPlan _about;
    private readonly Random _random;
    private readonly bool _asksHumans;
    private readonly List<object> _inFlight = [];
    private readonly List<object> _delivered = [];
    private readonly HashSet<string> _atWork = new(StringComparer.Ordinal);

    private World(WorldPlan about, int arrival, bool asksHumans) => (_about, _random, _asksHumans) = (about, new Random(arrival), asksHumans);

    public Run State { get; private set; } = new Run.NotStarted();

    public List<RunEvent> Facts { get; } = [];

    public Run.Ended End => Assert.IsType<Run.Ended>(State);

    public static World Run(WorldPlan about, int arrival, bool asksHumans = false)
    {
        var world = new World(about, arrival, asksHumans);
        var command = new StartRun(Some.RunA, about.Plan, Some.Files, "owner", Some.Noon, null);
        world.Take(StartRun.Decide(command, world.State));
        for (var steps = 0; world._inFlight.Count > 0; steps++)
        {
            Assert.True(steps < 20_000, "the run does not come to an end");
            world.DeliverOne();
        }

        return world;
    }

    private void DeliverOne()
    {
        var at = _random.Next(_inFlight.Count);
        var message = _inFlight[at];
        _inFlight.RemoveAt(at);
        if (_random.NextDouble() < 0.10)
        {
            _inFlight.Add(message);
        }

        // News of long ago, told again.
        if (_delivered.Count > 0 && _random.NextDouble() < 0.10)
        {
            Handle(_delivered[_random.Next(_delivered.Count)]);
        }

        _delivered.Add(message);
        Handle(message);
    }

    private void Handle(object message)
    {
        switch (message)
        {
            case StartAttempt start:
                Work(start);
                break;
            case AttemptProgressed news:
                Take(WhenAttemptProgressed.Handle(news, State, Some.Context));
                break;
            case SettleAttempt result:
                Take(WhenAttemptProgressed.Handle(result, State, Some.Context));
                break;
            case RequestDecided decided:
                Take(WhenRequestDecided.Handle(decided, State, Some.Context));
                break;
            case RequestDecision asked when _asksHumans:
                var answer = (Decision)_random.Next(3);
                _inFlight.Add(new RequestDecided(asked.Request, asked.Run, asked.Task, answer, asked.CallHash, "owner", null, Some.Noon));
                break;
            default:
                break;
        }
    }

    // What a worker tells of its attempt; the same each time, because the attempt is one stream and its messages leave it once.
    private void Work(StartAttempt start)
    {
        if (_delivered.OfType<StartAttempt>().Count(s => (s.Task, s.Attempt) == (start.Task, start.Attempt)) > 1)
        {
            return;
        }

        _inFlight.Add(News(start, AttemptPhase.Started));
        if (_asksHumans && _random.Next(5) == 0)
        {
            var request = RequestId.From(DerivedId.Of(start.Task, start.Attempt.ToString(), "held"));
            _inFlight.Add(News(start, AttemptPhase.Held) with { Request = request, Reason = "policy asks" });
            _inFlight.Add(new RequestDecided(request, start.Run, start.Task, Decision.Approve, "of the call", "owner", null, Some.Noon));
        }

        if (_random.Next(2) == 0)
        {
            _inFlight.Add(News(start, AttemptPhase.Verifying));
        }

        _inFlight.Add(new SettleAttempt(start.Run, start.Task, start.Attempt, _about.Result(start.Task, start.Attempt)));
    }

    private void Take((RunEvent[] Facts, object[] Outgoing) decision)
    {
        Assert.False(State is Run.Ended && decision.Facts.Length + decision.Outgoing.Length > 0, "something happened after the end");
        foreach (var fact in decision.Facts)
        {
            Facts.Add(fact);
            State = Orchestrator.Runs.Run.Evolve(State, fact);
            if (fact is RunEvent.TaskSucceeded { Task: var done })
            {
                _atWork.Remove(done);
            }
            else if (fact is RunEvent.TaskFailed { Task: var failed })
            {
                _atWork.Remove(failed);
            }
        }

        foreach (var message in decision.Outgoing.Select(m => m is Scheduled later ? later.Message : m))
        {
            if (message is StartAttempt start)
            {
                Started(start);
            }

            _inFlight.Add(message);
        }
    }

    private void Started(StartAttempt start)
    {
        var early = (start.Plan.Needs ?? []).Where(need => !Facts.OfType<RunEvent.TaskSucceeded>().Any(done => done.Task == need)).ToList();
        Assert.True(early.Count == 0, $"{start.Task} began before {string.Join(", ", early)} had succeeded");
        Assert.True(_atWork.Add(start.Task), $"{start.Task} began while an earlier attempt of it was at work");
        if (!_asksHumans)
        {
            Assert.True(_atWork.Count <= _about.Plan.Workers, $"{_atWork.Count} at work, {_about.Plan.Workers} allowed");
        }
    }

    private static AttemptProgressed News(StartAttempt start, AttemptPhase phase) => new(start.Run, start.Task, start.Attempt, phase, null, null);
}
