using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Gemini;

/// <summary>Puts a request together for a provider that speaks Google's generateContent. The model stands in the path, not here.</summary>
internal static class WriteGeminiRequest
{
    public static JsonObject From(ModelRequest request)
    {
        var passage = request.Passage;
        passage.Require(request.ParallelCalls is not false, "parallel_tool_calls");
        if (request.User is not null)
        {
            passage.LeaveHint("user");
        }
        Turn[] before = [.. request.Turns.TakeWhile(turn => turn.Role == Role.System)];
        if (request.Turns.Skip(before.Length).FirstOrDefault(turn => turn.Role == Role.System) is { Parts: [var late, ..] })
        {
            throw passage.CannotCarry(late.At, "What the system says must come before the conversation there.");
        }
        var content = new WriteGeminiContent(passage);
        var root = new JsonObject { ["contents"] = new JsonArray([.. request.Turns.Skip(before.Length).Select(content.Of)]) };
        if (before.Length > 0)
        {
            root["systemInstruction"] = new JsonObject { ["parts"] = content.Parts([.. before.SelectMany(turn => turn.Parts)]) };
        }
        if (request.Tools.Count > 0)
        {
            root["tools"] = new JsonArray(new JsonObject { ["functionDeclarations"] = new JsonArray([.. request.Tools.Select(Tool)]) });
        }
        if (Calling(request) is { } calling)
        {
            root["toolConfig"] = new JsonObject { ["functionCallingConfig"] = calling };
        }
        if (Generation(request) is { Count: > 0 } generation)
        {
            root["generationConfig"] = generation;
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
        var declaration = new JsonObject { ["name"] = tool.Name };
        Put(declaration, "description", tool.Description);
        if (tool.Schema is { } schema)
        {
            declaration["parametersJsonSchema"] = JsonNode.Parse(schema.GetRawText());
        }
        return declaration;
    }

    /// <summary>Google promises that arguments fit their schema for all tools or for none, by a mode of its own.</summary>
    private static JsonObject? Calling(ModelRequest request)
    {
        var strict = request.Tools.Any(tool => tool.Strict is true);
        return request.Choice switch
        {
            { Tool: { } tool } => new JsonObject { ["mode"] = "ANY", ["allowedFunctionNames"] = new JsonArray(tool) },
            { Mode: ToolMode.None } => new JsonObject { ["mode"] = "NONE" },
            { Mode: ToolMode.Any } => new JsonObject { ["mode"] = "ANY" },
            _ when strict => new JsonObject { ["mode"] = "VALIDATED" },
            { Mode: ToolMode.Auto } => new JsonObject { ["mode"] = "AUTO" },
            _ => null,
        };
    }

    private static JsonObject Generation(ModelRequest request)
    {
        var config = new JsonObject();
        Put(config, "temperature", request.Temperature);
        Put(config, "topP", request.TopP);
        Put(config, "topK", request.TopK);
        Put(config, "maxOutputTokens", request.TokensMax);
        Put(config, "seed", request.Seed);
        Put(config, "presencePenalty", request.PresencePenalty);
        Put(config, "frequencyPenalty", request.FrequencyPenalty);
        if (request.Stop.Count > 0)
        {
            config["stopSequences"] = new JsonArray([.. request.Stop.Select(stop => JsonValue.Create(stop))]);
        }
        if (request.Shape is { } shape)
        {
            config["responseMimeType"] = "application/json";
            if (shape.Schema is { } schema)
            {
                config["responseJsonSchema"] = JsonNode.Parse(schema.GetRawText());
            }
        }
        if (request.Thinking is { } wish)
        {
            config["thinkingConfig"] = Think(wish, request.Passage);
        }
        return config;
    }

    private static JsonObject Think(ThinkingWish wish, Passage passage)
    {
        passage.Require(wish.Effort is null or "none" or "minimal" or "low" or "medium" or "high", "reasoning_effort", "The most that can be carried is high.");
        var config = new JsonObject();
        switch (wish)
        {
            case { Mode: ThinkingMode.Off }:
                config["thinkingBudget"] = 0;
                return config;
            case { TokensMax: { } max }:
                config["thinkingBudget"] = max;
                break;
            case { Effort: { } effort }:
                config["thinkingLevel"] = effort;
                break;
            case { Mode: ThinkingMode.Adaptive }:
                config["thinkingBudget"] = -1;
                break;
        }
        if (wish.Mode is ThinkingMode.Adaptive or ThinkingMode.Bounded)
        {
            config["includeThoughts"] = true;
        }
        return config;
    }
}
