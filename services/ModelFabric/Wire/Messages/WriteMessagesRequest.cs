using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Puts a request together for a provider that speaks Anthropic messages.</summary>
internal static class WriteMessagesRequest
{
    public static JsonObject From(ModelRequest request, string model, int tokensMaxDefault)
    {
        var passage = request.Passage;
        passage.Require(request.Seed is null, "seed");
        passage.Require(request.PresencePenalty is null or 0, "presence_penalty");
        passage.Require(request.FrequencyPenalty is null or 0, "frequency_penalty");
        // What is said before the conversation stands apart; what is said later stays where it was said.
        Turn[] before = [.. request.Turns.TakeWhile(turn => turn.Role == Role.System)];
        var root = new JsonObject
        {
            ["model"] = model,
            ["max_tokens"] = request.TokensMax ?? tokensMaxDefault,
            ["messages"] = new JsonArray([.. request.Turns.Skip(before.Length).Select(turn => new JsonObject
            {
                ["role"] = turn.Role switch { Role.User => "user", Role.Assistant => "assistant", _ => "system" },
                ["content"] = WriteMessagesContent.Of(turn.Parts, passage),
            })]),
        };
        if (before.Length > 0)
        {
            root["system"] = WriteMessagesContent.Of([.. before.SelectMany(turn => turn.Parts)], passage);
        }
        Put(root, "temperature", request.Temperature);
        Put(root, "top_p", request.TopP);
        Put(root, "top_k", request.TopK);
        if (request.Stop.Count > 0)
        {
            root["stop_sequences"] = new JsonArray([.. request.Stop.Select(stop => JsonValue.Create(stop))]);
        }
        if (request.User is { } user)
        {
            root["metadata"] = new JsonObject { ["user_id"] = user };
        }
        if (request.Tools.Count > 0)
        {
            root["tools"] = new JsonArray([.. request.Tools.Select(Tool)]);
        }
        if (request.Choice is not null || (request.ParallelCalls is not null && request.Tools.Count > 0))
        {
            root["tool_choice"] = Choice(request.Choice, request.ParallelCalls);
        }
        Think(root, request);
        if (request.Stream)
        {
            root["stream"] = true;
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

    private static JsonObject Tool(ToolOffer tool)
    {
        var offer = new JsonObject { ["name"] = tool.Name };
        Put(offer, "description", tool.Description);
        offer["input_schema"] = tool.Schema is { } schema ? JsonNode.Parse(schema.GetRawText()) : new JsonObject { ["type"] = "object", ["properties"] = new JsonObject() };
        Put(offer, "strict", tool.Strict);
        return offer;
    }

    private static JsonObject Choice(ToolChoice? choice, bool? parallel)
    {
        var written = choice switch
        {
            { Tool: { } tool } => new JsonObject { ["type"] = "tool", ["name"] = tool },
            { Mode: ToolMode.None } => new JsonObject { ["type"] = "none" },
            { Mode: ToolMode.Any } => new JsonObject { ["type"] = "any" },
            _ => new JsonObject { ["type"] = "auto" },
        };
        if (choice?.Mode != ToolMode.None)
        {
            Put(written, "disable_parallel_tool_use", !parallel);
        }
        return written;
    }

    private static void Think(JsonObject root, ModelRequest request)
    {
        var (passage, output) = (request.Passage, new JsonObject());
        passage.Require(request.Thinking?.Effort != "minimal", "reasoning_effort", "The least that can be carried is low.");
        if (request.Thinking is { } wish)
        {
            root["thinking"] = wish.Mode switch
            {
                ThinkingMode.Off => new JsonObject { ["type"] = "disabled" },
                ThinkingMode.Bounded => new JsonObject { ["type"] = "enabled", ["budget_tokens"] = wish.TokensMax },
                _ => new JsonObject { ["type"] = "adaptive" },
            };
            Put(output, "effort", wish.Effort == "none" ? null : wish.Effort);
        }
        if (request.Shape is { } shape)
        {
            passage.Require(shape.Schema is not null, "response_format", "Give a schema (json_schema).");
            output["format"] = new JsonObject { ["type"] = "json_schema", ["schema"] = JsonNode.Parse(shape.Schema!.Value.GetRawText()) };
        }
        if (output.Count > 0)
        {
            root["output_config"] = output;
        }
    }
}
