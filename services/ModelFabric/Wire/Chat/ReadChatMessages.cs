using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>Takes the messages of a chat apart. Tool messages that follow each other become one turn, as the other formats have it.</summary>
internal static class ReadChatMessages
{
    public static IReadOnlyList<Turn> From(JsonField messages)
    {
        var turns = new List<Turn>();
        List<Part>? results = null;
        foreach (var message in messages.Items())
        {
            var role = message.Text("role");
            if (role == "tool")
            {
                if (results is null)
                {
                    turns.Add(new Turn(Role.User, results = []));
                }
                results.Add(Result(message));
                continue;
            }
            results = null;
            turns.Add(role switch
            {
                "system" or "developer" => new Turn(Role.System, Content(message.Only("role", "content", "cache_control"))),
                "user" => new Turn(Role.User, Content(message.Only("role", "content", "cache_control"))),
                "assistant" => new Turn(Role.Assistant, Assistant(message)),
                _ => throw message.Passage.CannotCarry($"{message.Path}.role"),
            });
        }
        return turns;
    }

    private static Part.ToolResult Result(JsonField message) =>
        new(message.Only("role", "content", "tool_call_id", "name").Text("tool_call_id"), Content(message), IsError: false) { At = message.Path };

    private static List<Part> Assistant(JsonField message)
    {
        message.Only("role", "content", "refusal", "tool_calls", "reasoning_content", "reasoning", "reasoning_details", "annotations", "cache_control");
        message.Passage.Require(message.Get("annotations") is not { } notes || !notes.Items().Any(), $"{message.Path}.annotations");
        List<Part> parts = [.. Reasoning(message), .. Content(message)];
        if (message.Get("refusal") is { } refusal)
        {
            parts.Add(new Part.Refusal(refusal.Text()) { At = refusal.Path });
        }
        foreach (var call in message.Get("tool_calls")?.Items() ?? [])
        {
            call.Passage.Require((call.Get("type")?.Text() ?? "function") == "function", $"{call.Path}.type");
            var function = call.Only("id", "type", "index", "function", "extra_content").Need("function").Only("name", "arguments");
            if (call.Get("extra_content")?.Get("google")?.Get("thought_signature") is { } signature)
            {
                parts.Add(new Part.Thinking("", signature.Text()) { At = signature.Path });
            }
            parts.Add(new Part.ToolCall(call.Text("id"), function.Text("name"), function.Get("arguments")?.Text() ?? "{}") { At = call.Path });
        }
        return parts;
    }

    /// <summary>The details carry the seals; the plain text beside them says the same again.</summary>
    private static Part[] Reasoning(JsonField message)
    {
        if (message.Get("reasoning_details") is { } details)
        {
            return details.Items().Select<JsonField, Part>(detail => detail.Text("type") switch
            {
                "reasoning.text" => new Part.Thinking(detail.Get("text")?.Text() ?? "", detail.Get("signature")?.Text()) { At = detail.Path },
                "reasoning.encrypted" => new Part.HiddenThinking(detail.Text("data")) { At = detail.Path },
                _ => throw detail.Passage.CannotCarry($"{detail.Path}.type"),
            }).ToArray();
        }
        return (message.Get("reasoning_content") ?? message.Get("reasoning")) is { } plain && plain.Text() is { Length: > 0 } text
            ? [new Part.Thinking(text, Signature: null) { At = plain.Path }]
            : [];
    }

    private static List<Part> Content(JsonField message)
    {
        message.Hint("cache_control");
        if (message.Get("content") is not { } content)
        {
            return [];
        }
        if (content.IsText)
        {
            return content.Text() is { Length: > 0 } text ? [new Part.Text(text) { At = content.Path }] : [];
        }
        return [.. content.Items().Select(One)];
    }

    private static Part One(JsonField part)
    {
        part.Hint("cache_control");
        switch (part.Text("type"))
        {
            case "text":
                return new Part.Text(part.Only("type", "text", "cache_control").Text("text")) { At = part.Path };
            case "refusal":
                return new Part.Refusal(part.Text("refusal")) { At = part.Path };
            case "image_url":
                var image = part.Only("type", "image_url", "cache_control").Need("image_url").Only("url", "detail");
                return DataUrl.Read(MediaKind.Image, image.Text("url"), image.Path) with { Detail = image.Get("detail")?.Text(), At = part.Path };
            case "input_audio":
                var sound = part.Need("input_audio").Only("data", "format");
                return new Part.Media(MediaKind.Audio, "audio/" + sound.Text("format"), sound.Text("data"), Url: null) { At = part.Path };
            case "file":
                var file = part.Only("type", "file", "cache_control").Need("file").Only("file_data", "filename");
                return DataUrl.Read(MediaKind.Document, file.Text("file_data"), file.Path) with { Name = file.Get("filename")?.Text(), At = part.Path };
            default:
                throw part.Passage.CannotCarry($"{part.Path}.type");
        }
    }
}
