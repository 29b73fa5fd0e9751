using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>Puts a request together for a provider that speaks chat completions.</summary>
internal static class WriteChatRequest
{
    public static JsonObject From(ModelRequest request, string model, Dialect dialect)
    {
        request.Passage.Require(request.TopK is null, "top_k");
        var root = new JsonObject { ["model"] = model, ["messages"] = new JsonArray([.. request.Turns.SelectMany(turn => Messages(turn, request.Passage, dialect))]) };
        Put(root, "temperature", request.Temperature);
        Put(root, "top_p", request.TopP);
        Put(root, "seed", request.Seed);
        Put(root, "presence_penalty", request.PresencePenalty);
        Put(root, "frequency_penalty", request.FrequencyPenalty);
        Put(root, dialect.TokensMaxName, request.TokensMax);
        Put(root, "user", request.User);
        Put(root, "reasoning_effort", Effort(request));
        if (request.Stop.Count > 0)
        {
            root["stop"] = new JsonArray([.. request.Stop.Select(stop => JsonValue.Create(stop))]);
        }
        if (request.Tools.Count > 0)
        {
            root["tools"] = new JsonArray([.. request.Tools.Select(Tool)]);
            Put(root, "parallel_tool_calls", request.ParallelCalls);
        }
        if (request.Choice is { } choice)
        {
            root["tool_choice"] = Choice(choice);
        }
        if (request.Shape is { } shape)
        {
            root["response_format"] = Shape(shape);
        }
        if (request.Stream)
        {
            root["stream"] = true;
            if (dialect.TakesStreamOptions)
            {
                // Always: the call's record wants the provider's own count, whether or not the caller does.
                root["stream_options"] = new JsonObject { ["include_usage"] = true };
            }
        }
        return root;
    }

    private static void Put<T>(JsonObject root, string name, T? value)
    {
        if (value is not null)
        {
            root[name] = JsonValue.Create(value);
        }
    }

    private static string? Effort(ModelRequest request)
    {
        request.Passage.Require(request.Thinking?.TokensMax is null, "thinking.budget_tokens", "Say how much effort instead (output_config.effort).");
        request.Passage.Require(request.Thinking?.Effort != "max", "output_config.effort", "The most that can be carried is xhigh.");
        return request.Thinking?.Effort;
    }

    private static JsonObject Tool(ToolOffer tool)
    {
        var function = new JsonObject { ["name"] = tool.Name };
        Put(function, "description", tool.Description);
        if (tool.Schema is { } schema)
        {
            function["parameters"] = JsonNode.Parse(schema.GetRawText());
        }
        Put(function, "strict", tool.Strict);
        return new JsonObject { ["type"] = "function", ["function"] = function };
    }

    private static JsonNode Choice(ToolChoice choice) => choice switch
    {
        { Tool: { } tool } => new JsonObject { ["type"] = "function", ["function"] = new JsonObject { ["name"] = tool } },
        { Mode: ToolMode.None } => "none",
        { Mode: ToolMode.Any } => "required",
        _ => "auto",
    };

    private static JsonObject Shape(AnswerShape shape)
    {
        if (shape.Schema is not { } schema)
        {
            return new JsonObject { ["type"] = "json_object" };
        }
        var named = new JsonObject { ["name"] = shape.Name ?? "answer", ["schema"] = JsonNode.Parse(schema.GetRawText()) };
        Put(named, "description", shape.Description);
        Put(named, "strict", shape.Strict);
        return new JsonObject { ["type"] = "json_schema", ["json_schema"] = named };
    }

    private static IEnumerable<JsonNode> Messages(Turn turn, Passage passage, Dialect dialect)
    {
        if (turn.Role == Role.Assistant)
        {
            yield return Assistant(turn, passage, dialect);
            yield break;
        }
        foreach (var result in turn.Parts.OfType<Part.ToolResult>())
        {
            yield return new JsonObject { ["role"] = "tool", ["tool_call_id"] = result.CallId, ["content"] = Result(result, passage) };
        }
        Part[] said = [.. turn.Parts.Where(part => part is not Part.ToolResult)];
        if (said.Length > 0)
        {
            yield return new JsonObject { ["role"] = turn.Role == Role.System ? "system" : "user", ["content"] = Content(said, passage) };
        }
    }

    /// <summary>Chat has only text to say that a tool failed.</summary>
    private static JsonNode Result(Part.ToolResult result, Passage passage)
    {
        if (result.Content.FirstOrDefault(part => part is not Part.Text) is { } other)
        {
            throw passage.CannotCarry(other.At, "A tool's result is text there; say the rest in a message of its own.");
        }
        IReadOnlyList<Part> content = result.IsError ? [new Part.Text("Error: "), .. result.Content] : result.Content;
        return string.Concat(content.OfType<Part.Text>().Select(text => text.Value));
    }

    private static JsonObject Assistant(Turn turn, Passage passage, Dialect dialect)
    {
        var message = new JsonObject { ["role"] = "assistant" };
        Part[] text = [.. turn.Parts.OfType<Part.Text>()];
        message["content"] = text.Length == 0 ? null : Content(text, passage);
        if (turn.Parts.OfType<Part.Refusal>().FirstOrDefault() is { } refusal)
        {
            message["refusal"] = refusal.Value;
        }
        foreach (var part in turn.Parts)
        {
            switch (part)
            {
                case Part.Thinking { Value: { Length: > 0 } thought } when dialect.ReasoningField is { } field:
                    message[field] = (message[field] is { } before ? (string)before! : "") + thought;
                    break;
                case Part.Thinking or Part.HiddenThinking:
                    throw passage.CannotCarry(part.At, "This provider takes no reasoning back. Leave it out of the conversation.");
                case Part.ToolCall call:
                    var calls = message["tool_calls"] as JsonArray ?? [];
                    message["tool_calls"] ??= calls;
                    calls.Add(new JsonObject
                    {
                        ["id"] = call.Id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Arguments },
                    });
                    break;
                case Part.Media:
                    throw passage.CannotCarry(part.At);
            }
        }
        return message;
    }

    private static JsonNode? Content(IReadOnlyList<Part> parts, Passage passage) => parts is [Part.Text only]
        ? only.Value
        : new JsonArray([.. parts.Select(part => One(part, passage))]);

    private static JsonObject One(Part part, Passage passage)
    {
        switch (part)
        {
            case Part.Text text:
                return new JsonObject { ["type"] = "text", ["text"] = text.Value };
            case Part.Media { Kind: MediaKind.Image } image:
                var url = new JsonObject { ["url"] = DataUrl.Write(image) };
                Put(url, "detail", image.Detail);
                return new JsonObject { ["type"] = "image_url", ["image_url"] = url };
            case Part.Media { Kind: MediaKind.Audio, Data: { } data, Type: { } type }:
                return new JsonObject { ["type"] = "input_audio", ["input_audio"] = new JsonObject { ["data"] = data, ["format"] = type["audio/".Length..] } };
            case Part.Media { Kind: MediaKind.Document, Data: not null } document:
                return new JsonObject { ["type"] = "file", ["file"] = new JsonObject { ["filename"] = document.Name ?? "document", ["file_data"] = DataUrl.Write(document) } };
            default:
                throw passage.CannotCarry(part.At);
        }
    }
}
