using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>The request to the model, built from the attempt's state alone: the same state makes the same bytes, on any machine, after any crash.</summary>
internal static class Conversation
{
    /// <summary>Characters of one tool result that a model gets to read.</summary>
    public const int ResultCharactersMax = 60_000;

    public static JsonObject Request(Attempt.Working attempt, IEnumerable<ToolView> tools)
    {
        var agent = attempt.About.Plan.Agent!;
        var messages = new JsonArray(
            Message("system", agent.System ?? SystemPrompt(attempt.About.Role)),
            Message("user", agent.Prompt));
        foreach (var step in attempt.Steps)
        {
            Add(messages, step);
        }

        var request = new JsonObject { ["model"] = agent.Model, ["messages"] = messages };
        var functions = tools.OrderBy(t => t.Name, StringComparer.Ordinal).Select(Function).ToArray<JsonNode?>();
        if (functions.Length > 0)
        {
            request["tools"] = new JsonArray(functions);
        }

        return request;
    }

    private static void Add(JsonArray messages, AgentStep step)
    {
        var answer = new JsonObject { ["role"] = "assistant", ["content"] = step.Text };
        if (step.Calls.Length > 0)
        {
            answer["tool_calls"] = new JsonArray([.. step.Calls.Select(c => (JsonNode)new JsonObject
            {
                ["id"] = c.Id,
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = c.Name, ["arguments"] = c.Arguments },
            })]);
        }

        messages.Add(answer);
        foreach (var result in step.Results)
        {
            messages.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = result.CallId, ["content"] = Text(result.Outcome!) });
        }
    }

    private static string Text(ToolOutcome outcome)
    {
        var text = outcome.Error is { } error
            ? JsonSerializer.Serialize(new { error = new { error.Class, error.Message, error.Retryable }, content = outcome.Content }, ContractJson.Options)
            : JsonSerializer.Serialize(outcome.Content, ContractJson.Options);
        return text.Length <= ResultCharactersMax ? text : $"{text[..ResultCharactersMax]}… ({text.Length - ResultCharactersMax} characters left out; ask for a part)";
    }

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    private static JsonObject Function(ToolView tool) => new()
    {
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = ToolNames.ToModel(tool.Name),
            ["description"] = tool.Description,
            ["parameters"] = JsonNode.Parse(tool.InputSchema.GetRawText()),
        },
    };

    private static string SystemPrompt(string role) =>
        $"You are the {role} of a team of agents. Do exactly the task you are given, with the tools you are given. Files are named relative to the workspace. "
        + "When the work is done and you have checked it, answer without a tool call and say in a few sentences what you did and which files you wrote. "
        + "If you cannot do it, say so and why; never claim what you did not do.";
}
