using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

/// <summary>The call that the stories are about, and what decides on it.</summary>
internal static class Story
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    public static readonly InvokeTool Call = new(
        InvocationId.Parse("0199e0a4-0000-7000-8000-000000000003", null), WorkspaceId.Parse("0199e0a4-0000-7000-8000-000000000002", null),
        RunId.Parse("0199e0a4-0000-7000-8000-000000000001", null), "write", 1, "probe.run", Json("""{"text":"x"}"""), "run/1", "developer", Idempotent: false, TimeoutSeconds: null);

    public static readonly MessageContext Context = new(new CloudEvent("message-1", "/test", "test.1", null, Noon, null, null, null, default), 1, Noon);

    public static Gate Intake(Verdict verdict) => new(new ToolRegistry([new ProbeTool()]), new Judge(Says(verdict), 7, Tainted: false));

    public static PolicyEngine Says(Verdict verdict) => new([new PolicyRule { Name = "probe", Tools = ["probe.*"], Verdict = verdict, Because = "because" }]);

    public static Invocation After(params InvocationEvent[] facts) => facts.Aggregate(Invocation.Kind.Initial, Invocation.Kind.Evolve);

    public static Invocation After(Verdict verdict, InvokeTool? call = null) => After(Intake(verdict).Decide(call ?? Call, new Invocation.NotRequested(), Noon).Facts);

    public static string[] Names(IEnumerable<object> things) => [.. things.Select(thing => thing.GetType().Name)];

    public static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);
}

/// <summary>Takes calls in, with one policy.</summary>
internal sealed record Gate(ToolRegistry Registry, Judge Judge)
{
    public (InvocationEvent[] Facts, object[] Outgoing) Decide(InvokeTool call, Invocation invocation, DateTimeOffset now) => RequestInvocation.Decide(Registry, Judge, call, invocation, now);
}

/// <summary>A tool whose effect can be counted, and that can be made to wait until the test says so.</summary>
internal sealed class ProbeTool(string name = "run", bool idempotent = false, bool openWorld = false) : ITool
{
    private int _runs;

    public int Runs => Volatile.Read(ref _runs);

    /// <summary>The tool is at work.</summary>
    public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Lets it end; done from the start unless the test takes another one.</summary>
    public TaskCompletionSource Goes { get; init; } = Done();

    public ToolSpec Spec { get; } = new()
    {
        Server = "probe", Name = name, Version = "1", Title = "Probe", Description = "Counts its runs.", Idempotent = idempotent, OpenWorld = openWorld,
        InputSchema = Story.Json("""{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}"""),
    };

    public async Task<ToolOutput> Run(ToolCall call, CancellationToken ct)
    {
        var run = Interlocked.Increment(ref _runs);
        Begun.TrySetResult();
        await Goes.Task.WaitAsync(ct);
        return new ToolOutput(JsonSerializer.SerializeToElement(new { run }), [], Failure: null);
    }

    private static TaskCompletionSource Done()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }
}
