using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Responses;

/// <summary>Takes the items of a response's input apart: what one side did in a row, reasoning, words and calls, becomes one turn.</summary>
internal static class ReadResponsesInput
{
    public static IEnumerable<Turn> From(JsonField input)
    {
        if (input.IsText)
        {
            return [new Turn(Role.User, [new Part.Text(input.Text()) { At = input.Path }])];
        }
        var turns = new List<(Role Role, List<Part> Parts)>();
        foreach (var item in input.Items())
        {
            var (role, parts) = Item(item);
            if (turns.Count > 0 && turns[^1].Role == role && (role == Role.Assistant || (parts is [Part.ToolResult] && turns[^1].Parts[^1] is Part.ToolResult)))
            {
                turns[^1].Parts.AddRange(parts);
            }
            else
            {
                turns.Add((role, [.. parts]));
            }
        }
        return turns.Select(turn => new Turn(turn.Role, turn.Parts));
    }

    private static (Role Role, IReadOnlyList<Part> Parts) Item(JsonField item)
    {
        switch (item.Get("type")?.Text() ?? "message")
        {
            case "message":
                item.Only("type", "role", "content", "id", "status", "phase");
                var role = item.Text("role") switch
                {
                    "user" => Role.User,
                    "assistant" => Role.Assistant,
                    "system" or "developer" => Role.System,
                    _ => throw item.Passage.CannotCarry($"{item.Path}.role"),
                };
                return (role, Content(item.Need("content")));
            case "function_call":
                item.Only("type", "id", "call_id", "name", "arguments", "status");
                return (Role.Assistant, [new Part.ToolCall(item.Text("call_id"), item.Text("name"), item.Text("arguments")) { At = item.Path }]);
            case "function_call_output":
                item.Only("type", "id", "call_id", "output", "status");
                return (Role.User, [new Part.ToolResult(item.Text("call_id"), Content(item.Need("output")), IsError: false) { At = item.Path }]);
            case "reasoning":
                return (Role.Assistant, Reasoning(item));
            default:
                throw item.Passage.CannotCarry($"{item.Path}.type");
        }
    }

    /// <summary>Our own encrypted content is a seal, or what only the provider reads; see <see cref="WriteResponsesAnswer"/>.</summary>
    private static List<Part> Reasoning(JsonField item)
    {
        item.Only("type", "id", "summary", "content", "encrypted_content", "status");
        var text = string.Concat((item.Get("content") ?? item.Get("summary"))?.Items().Select(piece => piece.Text("text")) ?? []);
        var hidden = item.Get("encrypted_content")?.Text();
        return hidden is not null && hidden.StartsWith(WriteResponsesAnswer.Hidden, StringComparison.Ordinal)
            ? [new Part.HiddenThinking(hidden[WriteResponsesAnswer.Hidden.Length..]) { At = item.Path }]
            : text.Length > 0 || hidden is not null ? [new Part.Thinking(text, hidden) { At = item.Path }] : [];
    }

    private static List<Part> Content(JsonField content) => content.IsText ? [new Part.Text(content.Text()) { At = content.Path }] : [.. content.Items().Select(One)];

    private static Part One(JsonField part)
    {
        switch (part.Text("type"))
        {
            case "input_text" or "output_text":
                part.Passage.Require(part.Get("annotations") is not { } notes || !notes.Items().Any(), $"{part.Path}.annotations");
                return new Part.Text(part.Text("text")) { At = part.Path };
            case "refusal":
                return new Part.Refusal(part.Text("refusal")) { At = part.Path };
            case "input_image":
                part.Only("type", "image_url", "detail");
                return DataUrl.Read(MediaKind.Image, part.Text("image_url"), part.Path) with { Detail = part.Get("detail")?.Text(), At = part.Path };
            case "input_file":
                part.Only("type", "file_data", "file_url", "filename");
                return DataUrl.Read(MediaKind.Document, part.Get("file_url")?.Text() ?? part.Text("file_data"), part.Path) with { Name = part.Get("filename")?.Text(), At = part.Path };
            default:
                throw part.Passage.CannotCarry($"{part.Path}.type");
        }
    }
}
