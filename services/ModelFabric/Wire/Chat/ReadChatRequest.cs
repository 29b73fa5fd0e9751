using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>Takes a chat completion request apart, for a provider that speaks another format.</summary>
internal static class ReadChatRequest
{
    public static ModelRequest From(ReadOnlyMemory<byte> body, Passage passage)
    {
        using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new JsonField(document.RootElement, "", passage).Only(
            "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k",
            "stop", "seed", "presence_penalty", "frequency_penalty", "user", "safety_identifier", "reasoning_effort", "response_format", "n", "logprobs", "top_logprobs", "logit_bias",
            "modalities", "verbosity", "service_tier", "store", "metadata", "prompt_cache_key", "prompt_cache_retention");
        Neutral(root, passage);
        foreach (var hint in (string[])["service_tier", "store", "metadata", "prompt_cache_key", "prompt_cache_retention"])
        {
            root.Hint(hint);
        }
        return new ModelRequest
        {
            Passage = passage,
            Turns = ReadChatMessages.From(root.Need("messages")),
            Stream = root.Get("stream")?.Flag() ?? false,
            IncludeUsage = root.Get("stream_options")?.Get("include_usage")?.Flag() ?? false,
            Tools = root.Get("tools")?.Items().Select(Tool).ToArray() ?? [],
            Choice = root.Get("tool_choice") is { } choice ? Choice(choice) : null,
            ParallelCalls = root.Get("parallel_tool_calls")?.Flag(),
            TokensMax = (root.Get("max_completion_tokens") ?? root.Get("max_tokens"))?.Whole(),
            Temperature = root.Get("temperature")?.Number(),
            TopP = root.Get("top_p")?.Number(),
            TopK = root.Get("top_k")?.Whole(),
            Stop = root.Get("stop") is { } stop ? stop.IsText ? [stop.Text()] : [.. stop.Items().Select(one => one.Text())] : [],
            Seed = root.Get("seed")?.Whole(),
            PresencePenalty = root.Get("presence_penalty")?.Number(),
            FrequencyPenalty = root.Get("frequency_penalty")?.Number(),
            User = (root.Get("safety_identifier") ?? root.Get("user"))?.Text(),
            Thinking = root.Get("reasoning_effort")?.Text() is { } effort ? new ThinkingWish(effort == "none" ? ThinkingMode.Off : ThinkingMode.Unsaid, effort) : null,
            Shape = root.Get("response_format") is { } format ? Shape(format) : null,
        };
    }

    private static void Neutral(JsonField root, Passage passage)
    {
        passage.Require((root.Get("n")?.Whole() ?? 1) == 1, "n", "Ask once for each answer.");
        passage.Require(!(root.Get("logprobs")?.Flag() ?? false), "logprobs");
        passage.Require((root.Get("top_logprobs")?.Whole() ?? 0) == 0, "top_logprobs");
        passage.Require(root.Get("logit_bias") is not { } bias || !bias.Value.EnumerateObject().Any(), "logit_bias");
        passage.Require(root.Get("modalities") is not { } modes || modes.Items().All(mode => mode.Text() == "text"), "modalities");
        passage.Require((root.Get("verbosity")?.Text() ?? "medium") == "medium", "verbosity");
    }

    private static ToolOffer Tool(JsonField tool)
    {
        tool.Passage.Require(tool.Text("type") == "function", $"{tool.Path}.type", "Offer a function instead.");
        var function = tool.Only("type", "function", "cache_control").Need("function").Only("name", "description", "parameters", "strict");
        tool.Hint("cache_control");
        return new ToolOffer(function.Text("name"), function.Get("description")?.Text(), function.Get("parameters")?.Keep(), function.Get("strict")?.Flag());
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
        return new ToolChoice(ToolMode.Any, choice.Need("function").Text("name"));
    }

    private static AnswerShape? Shape(JsonField format) => format.Text("type") switch
    {
        "text" => null,
        "json_object" => new AnswerShape(Schema: null),
        "json_schema" when format.Need("json_schema") is var schema => new AnswerShape(
            schema.Need("schema").Keep(), schema.Get("name")?.Text(), schema.Get("description")?.Text(), schema.Get("strict")?.Flag()),
        _ => throw format.Passage.CannotCarry($"{format.Path}.type"),
    };
}
