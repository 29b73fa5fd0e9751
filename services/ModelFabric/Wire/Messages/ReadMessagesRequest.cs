using System.Text;
using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Takes an Anthropic request apart, for a provider that speaks another format.</summary>
internal static class ReadMessagesRequest
{
    public static ModelRequest From(ReadOnlyMemory<byte> body, Passage passage)
    {
        using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new JsonField(document.RootElement, "", passage).Only(
            "model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools", "tool_choice", "thinking", "output_config", "metadata",
            "service_tier", "cache_control");
        root.Hint("service_tier");
        root.Hint("cache_control");
        var turns = new List<Turn>();
        if (root.Get("system") is { } system)
        {
            turns.Add(new Turn(Role.System, Content(system)));
        }
        turns.AddRange(root.Need("messages").Items().Select(message => new Turn(
            message.Only("role", "content").Text("role") switch
            {
                "user" => Role.User,
                "assistant" => Role.Assistant,
                "system" => Role.System,
                _ => throw passage.CannotCarry($"{message.Path}.role"),
            },
            Content(message.Need("content")))));
        var choice = root.Get("tool_choice");
        return new ModelRequest
        {
            Passage = passage,
            Turns = turns,
            Stream = root.Get("stream")?.Flag() ?? false,
            IncludeUsage = true,
            Tools = root.Get("tools")?.Items().Select(Tool).ToArray() ?? [],
            Choice = choice is { } wanted ? Choice(wanted) : null,
            ParallelCalls = choice?.Get("disable_parallel_tool_use")?.Flag() is true ? false : null,
            TokensMax = root.Need("max_tokens").Whole(),
            Temperature = root.Get("temperature")?.Number(),
            TopP = root.Get("top_p")?.Number(),
            TopK = root.Get("top_k")?.Whole(),
            Stop = root.Get("stop_sequences")?.Items().Select(one => one.Text()).ToArray() ?? [],
            User = root.Get("metadata")?.Only("user_id").Get("user_id")?.Text(),
            Thinking = Thinking(root),
            Shape = root.Get("output_config")?.Only("effort", "format").Get("format") is { } format && format.Text("type") is var type
                ? type == "json_schema" ? new AnswerShape(format.Need("schema").Keep(), Strict: true) : throw passage.CannotCarry($"{format.Path}.type")
                : null,
        };
    }

    private static ThinkingWish? Thinking(JsonField root)
    {
        var effort = root.Get("output_config")?.Get("effort")?.Text();
        if (root.Get("thinking") is not { } thinking)
        {
            return effort is null ? null : new ThinkingWish(ThinkingMode.Unsaid, effort);
        }
        thinking.Only("type", "budget_tokens", "display");
        return thinking.Text("type") switch
        {
            "disabled" => new ThinkingWish(ThinkingMode.Off, effort),
            "adaptive" => new ThinkingWish(ThinkingMode.Adaptive, effort),
            "enabled" => new ThinkingWish(ThinkingMode.Bounded, effort, thinking.Need("budget_tokens").Whole()),
            _ => throw thinking.Passage.CannotCarry($"{thinking.Path}.type"),
        };
    }

    private static ToolOffer Tool(JsonField tool)
    {
        tool.Passage.Require(tool.Get("type")?.Text() is null or "custom", $"{tool.Path}.type", "That tool runs at Anthropic. Offer one of your own.");
        tool.Only("type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming");
        tool.Hint("cache_control");
        tool.Hint("eager_input_streaming");
        return new ToolOffer(tool.Text("name"), tool.Get("description")?.Text(), tool.Need("input_schema").Keep(), tool.Get("strict")?.Flag());
    }

    private static ToolChoice Choice(JsonField choice) => choice.Only("type", "name", "disable_parallel_tool_use").Text("type") switch
    {
        "auto" => new ToolChoice(ToolMode.Auto),
        "none" => new ToolChoice(ToolMode.None),
        "any" => new ToolChoice(ToolMode.Any),
        "tool" => new ToolChoice(ToolMode.Any, choice.Text("name")),
        _ => throw choice.Passage.CannotCarry($"{choice.Path}.type"),
    };

    private static List<Part> Content(JsonField content) => content.IsText ? [new Part.Text(content.Text()) { At = content.Path }] : [.. content.Items().Select(One)];

    private static Part One(JsonField block)
    {
        block.Hint("cache_control");
        switch (block.Text("type"))
        {
            case "text":
                block.Passage.Require(block.Get("citations") is not { } quoted || !quoted.Items().Any(), $"{block.Path}.citations");
                return new Part.Text(block.Only("type", "text", "citations", "cache_control").Text("text")) { At = block.Path };
            case "image":
                return Source(MediaKind.Image, block.Only("type", "source", "cache_control").Need("source"));
            case "document":
                block.Only("type", "source", "title", "citations", "cache_control");
                block.Passage.Require(block.Get("citations")?.Get("enabled")?.Flag() is not true, $"{block.Path}.citations");
                return Source(MediaKind.Document, block.Need("source")) with { Name = block.Get("title")?.Text() };
            case "thinking":
                return new Part.Thinking(block.Text("thinking"), block.Get("signature")?.Text() is { Length: > 0 } seal ? seal : null) { At = block.Path };
            case "redacted_thinking":
                return new Part.HiddenThinking(block.Text("data")) { At = block.Path };
            case "tool_use":
                block.Passage.Require((block.Get("caller")?.Text("type") ?? "direct") == "direct", $"{block.Path}.caller");
                return new Part.ToolCall(block.Text("id"), block.Text("name"), block.Need("input").Value.GetRawText()) { At = block.Path };
            case "tool_result":
                block.Only("type", "tool_use_id", "content", "is_error", "cache_control");
                return new Part.ToolResult(block.Text("tool_use_id"), block.Get("content") is { } result ? Content(result) : [], block.Get("is_error")?.Flag() ?? false) { At = block.Path };
            default:
                throw block.Passage.CannotCarry($"{block.Path}.type");
        }
    }

    private static Part.Media Source(MediaKind kind, JsonField source) => source.Text("type") switch
    {
        "base64" => new Part.Media(kind, source.Text("media_type"), source.Text("data"), Url: null) { At = source.Path },
        "url" => new Part.Media(kind, Type: null, Data: null, source.Text("url")) { At = source.Path },
        "text" => new Part.Media(kind, "text/plain", Convert.ToBase64String(Encoding.UTF8.GetBytes(source.Text("data"))), Url: null) { At = source.Path },
        _ => throw source.Passage.CannotCarry($"{source.Path}.type"),
    };
}
