using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Responses;

/// <summary>Takes a response request apart, for a provider that speaks another format. What lives on OpenAI's servers, such as earlier responses and hosted tools, is refused.</summary>
internal static class ReadResponsesRequest
{
    public static ModelRequest From(ReadOnlyMemory<byte> body, Passage passage)
    {
        using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new JsonField(document.RootElement, "", passage).Only(
            "model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "temperature", "top_p", "text", "reasoning",
            "user", "safety_identifier", "store", "include", "metadata", "service_tier", "truncation", "prompt_cache_key", "prompt_cache_retention", "background", "top_logprobs");
        passage.Require(!(root.Get("background")?.Flag() ?? false), "background");
        passage.Require((root.Get("truncation")?.Text() ?? "disabled") == "disabled", "truncation");
        passage.Require((root.Get("top_logprobs")?.Whole() ?? 0) == 0, "top_logprobs");
        foreach (var asked in root.Get("include")?.Items() ?? [])
        {
            passage.Require(asked.Text() == "reasoning.encrypted_content", asked.Path);
        }
        foreach (var hint in (string[])["store", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention"])
        {
            root.Hint(hint);
        }
        var text = root.Get("text")?.Only("format", "verbosity");
        passage.Require((text?.Get("verbosity")?.Text() ?? "medium") == "medium", "text.verbosity");
        var turns = new List<Turn>();
        if (root.Get("instructions") is { } instructions)
        {
            turns.Add(new Turn(Role.System, [new Part.Text(instructions.Text()) { At = "instructions" }]));
        }
        turns.AddRange(ReadResponsesInput.From(root.Need("input")));
        return new ModelRequest
        {
            Passage = passage,
            Turns = turns,
            Stream = root.Get("stream")?.Flag() ?? false,
            IncludeUsage = true,
            Tools = root.Get("tools")?.Items().Select(Tool).ToArray() ?? [],
            Choice = root.Get("tool_choice") is { } choice ? Choice(choice) : null,
            ParallelCalls = root.Get("parallel_tool_calls")?.Flag(),
            TokensMax = root.Get("max_output_tokens")?.Whole(),
            Temperature = root.Get("temperature")?.Number(),
            TopP = root.Get("top_p")?.Number(),
            User = (root.Get("safety_identifier") ?? root.Get("user"))?.Text(),
            Thinking = Thinking(root),
            Shape = text?.Get("format") is { } format ? Shape(format) : null,
        };
    }

    private static ThinkingWish? Thinking(JsonField root)
    {
        var reasoning = root.Get("reasoning")?.Only("effort", "summary", "generate_summary");
        reasoning?.Hint("summary");
        return reasoning?.Get("effort")?.Text() is { } effort ? new ThinkingWish(effort == "none" ? ThinkingMode.Off : ThinkingMode.Unsaid, effort) : null;
    }

    private static ToolOffer Tool(JsonField tool)
    {
        tool.Passage.Require(tool.Text("type") == "function", $"{tool.Path}.type", "That tool runs at OpenAI. Offer a function instead.");
        tool.Only("type", "name", "description", "parameters", "strict");
        return new ToolOffer(tool.Text("name"), tool.Get("description")?.Text(), tool.Get("parameters")?.Keep(), tool.Get("strict")?.Flag());
    }

    private static ToolChoice Choice(JsonField choice)
    {
        if (choice.IsText)
        {
            return choice.Text() switch
            {
                "auto" => new ToolChoice(ToolMode.Auto),
                "none" => new ToolChoice(ToolMode.None),
                "required" => new ToolChoice(ToolMode.Any),
                _ => throw choice.Wrong("auto, none, required or a function"),
            };
        }
        choice.Passage.Require(choice.Text("type") == "function", $"{choice.Path}.type");
        return new ToolChoice(ToolMode.Any, choice.Text("name"));
    }

    private static AnswerShape? Shape(JsonField format) => format.Text("type") switch
    {
        "text" => null,
        "json_object" => new AnswerShape(Schema: null),
        "json_schema" => new AnswerShape(format.Need("schema").Keep(), format.Get("name")?.Text(), format.Get("description")?.Text(), format.Get("strict")?.Flag()),
        _ => throw format.Passage.CannotCarry($"{format.Path}.type"),
    };
}
