using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Tests;

/// <summary>A story about one stream: facts, what happens, the new facts.</summary>
internal static class Spec
{
    public static Story<Run, RunEvent> Given(params RunEvent[] facts) => new(facts.Aggregate(Run.Kind.Initial, Run.Kind.Evolve));

    public static Story<Attempt, AttemptEvent> Given(params AttemptEvent[] facts) => new(facts.Aggregate(Attempt.Kind.Initial, Attempt.Kind.Evolve));

    public sealed record Story<TState, TEvent>(TState State)
    {
        public Ending<TEvent> When(Func<TState, (TEvent[] Facts, object[] Outgoing)> decide) => new(decide(State));
    }

    public sealed record Ending<TEvent>((TEvent[] Facts, object[] Outgoing) Decision)
    {
        public Ending<TEvent> Then(params TEvent[] facts) => Same(facts, Decision.Facts);

        public Ending<TEvent> Telling(params object[] messages) => Same(messages, Decision.Outgoing);

        // Whole objects are compared, as the JSON they are stored and sent as: records with arrays in them are not equal otherwise.
        private Ending<TEvent> Same<T>(T[] expected, T[] actual)
        {
            Assert.Equal(expected.Select(Text), actual.Select(Text));
            return this;
        }

        private static string Text<T>(T value) => $"{value!.GetType().Name} {JsonSerializer.Serialize(value, value.GetType(), EventTypes.Json)}";
    }
}

/// <summary>The things that stories are about.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    public static readonly RunId RunA = RunId.Parse("0199e0a4-0000-7000-8000-00000000000a", null);
    public static readonly WorkspaceId Files = WorkspaceId.Parse("0199e0a4-0000-7000-8000-0000000000ff", null);
    public static readonly MessageContext Context = new(new CloudEvent("message-1", "/test", "test.1", null, Noon, null, null, null, default), 1, Noon);

    public static PlanTask Task(string id, params string[] needs) => new(id, Needs: needs, Tool: new PlanTool("files.read"));

    public static Plan Plan(params PlanTask[] tasks) => new("some-plan", tasks, Workers: 2);

    public static RunEvent.RunStarted Started(params PlanTask[] tasks) => new(RunA, Plan(tasks), Files, "owner", Noon, null);

    public static RunEvent.TaskAssigned Assigned(string task, int attempt = 1, string worker = "developer-1") => new(task, attempt, worker, Noon);

    public static RunEvent.TaskStarted Running(string task, int attempt = 1) => new(task, attempt, Noon);

    public static RunEvent.AttemptSettled Settled(string task, AttemptResult result, int attempt = 1) => new(task, attempt, result, Noon);

    public static StartAttempt Start(PlanTask task, int attempt = 1) => new(RunA, task.Id, attempt, Files, task, task.Role ?? "developer", "some-plan");

    public static AttemptResult Done(params string[] paths) => new(Succeeded: true, [.. paths.Select(File)], null, null, Retryable: false, 0);

    public static AttemptResult Failed(bool retryable = false) => new(Succeeded: false, [], "exit_code", "the program ended with 1", retryable, 0);

    public static Artifact File(string path) => new(path, new string('a', 64), 5, "text/plain");

    public static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);
}
