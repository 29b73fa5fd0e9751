using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>The loop of an agent, step by step: model, tools, model, … until an answer without tool calls. Every step is stored before the next begins.</summary>
public static class AgentLoop
{
    /// <summary>Model calls at most, when the plan does not say.</summary>
    public const int StepsDefault = 20;

    /// <summary>Tool calls that one answer may ask for.</summary>
    public const int CallsPerStepMax = 32;

    /// <summary>The model answered a step.</summary>
    /// <param name="working">The attempt; it waits for exactly this step.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="now">The clock.</param>
    public static (AttemptEvent[] Facts, object[] Outgoing) Answered(Attempt.Working working, AttemptEvent.ModelAnswered answer, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(answer);
        var after = (Attempt.Working)Attempt.Evolve(working, answer);
        if (after.About.Plan.Budget?.Tokens is { } tokens && after.Tokens > tokens)
        {
            return With([answer], EndAttempt.Failed(after, now, "budget", $"the task used {after.Tokens} of {tokens} tokens; raise 'budget.tokens' if that is right", retryable: false));
        }

        if (answer.Calls.Length == 0)
        {
            return With([answer], EndAttempt.Done(after, answer.Text, now));
        }

        if (answer.Calls.Length > CallsPerStepMax || (after.About.Plan.Budget?.ToolCalls is { } calls && after.ToolCalls + answer.Calls.Length > calls))
        {
            return With([answer], EndAttempt.Failed(after, now, "budget", $"the model asked for {answer.Calls.Length} more tool calls than the task may make", retryable: false));
        }

        return Call(after, answer, now);
    }

    /// <summary>A tool of the step settled; when all have, the model is asked again.</summary>
    /// <param name="working">The attempt after the settlement.</param>
    /// <param name="now">The clock.</param>
    public static (AttemptEvent[] Facts, object[] Outgoing) AfterTools(Attempt.Working working, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(working);
        if (working.Open.Count > 0)
        {
            return ([], []);
        }

        var step = working.AskedStep + 1;
        var max = working.About.Plan.Agent!.StepsMax ?? StepsDefault;
        return step > max
            ? EndAttempt.Failed(working, now, "steps_max", $"the agent did not finish within {max} steps; raise 'agent.stepsMax' or make the task smaller", retryable: false)
            : ([new AttemptEvent.ModelAsked(step, now)], [new CallModel(working.About.Run, working.About.Task, working.About.Attempt, step)]);
    }

    private static (AttemptEvent[] Facts, object[] Outgoing) Call(Attempt.Working working, AttemptEvent.ModelAnswered answer, DateTimeOffset now)
    {
        var facts = new List<AttemptEvent> { answer };
        var outgoing = new List<object>();
        var state = working;
        for (var n = 0; n < answer.Calls.Length; n++)
        {
            var call = answer.Calls[n];
            var tool = ToolNames.FromModel(call.Name);
            var (arguments, refusal) = Read(call);
            refusal ??= Allowed(working.About.Plan.Agent!, tool) ? null : new ToolError("not_granted", $"the tool '{tool}' is not among the tools of this task", Retryable: false);
            var wanted = new AttemptEvent.ToolWanted(answer.Step, ToolCalls.Id(working.About, answer.Step, n), call.Id, tool, arguments, now);
            Add(wanted);
            if (refusal is null)
            {
                outgoing.Add(ToolCalls.Invoke(working.About, wanted, idempotent: false));
            }
            else
            {
                // The model gets to read why, like the result of any other call.
                Add(new AttemptEvent.ToolSettled(answer.Step, wanted.Invocation, new ToolOutcome(ToolOutcomeStatus.Denied, ToolCalls.NoArguments, [], refusal, 0), now));
            }
        }

        var (more, messages) = AfterTools(state, now);
        return ([.. facts, .. more], [.. outgoing, .. messages]);

        void Add(AttemptEvent fact)
        {
            facts.Add(fact);
            state = (Attempt.Working)Attempt.Evolve(state, fact);
        }
    }

    private static bool Allowed(PlanAgent agent, string tool) => CheckPlan.IsMatch(agent.Tools ?? [], tool);

    private static (JsonElement Arguments, ToolError? Refusal) Read(ModelToolCall call)
    {
        try
        {
            var arguments = JsonSerializer.Deserialize<JsonElement>(call.Arguments.Length == 0 ? "{}" : call.Arguments);
            return arguments.ValueKind == JsonValueKind.Object ? (arguments, null) : (ToolCalls.NoArguments, NotAnObject());
        }
        catch (JsonException)
        {
            return (ToolCalls.NoArguments, NotAnObject());
        }

        static ToolError NotAnObject() => new("invalid_arguments", "the arguments of a tool call are a JSON object", Retryable: false);
    }

    private static (AttemptEvent[] Facts, object[] Outgoing) With(AttemptEvent[] before, (AttemptEvent[] Facts, object[] Outgoing) then) => ([.. before, .. then.Facts], then.Outgoing);
}
