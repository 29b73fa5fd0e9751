using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Content blocks of Anthropic messages.</summary>
internal static class WriteMessagesContent
{
    public static JsonNode Of(IReadOnlyList<Part> parts, Passage passage) => parts is [Part.Text only] ? only.Value : new JsonArray([.. Blocks(parts, passage)]);

    private static IEnumerable<JsonNode> Blocks(IReadOnlyList<Part> parts, Passage passage)
    {
        var (thought, at) = (new StringBuilder(), "");
        foreach (var part in parts)
        {
            // A stream tells reasoning in pieces, the seal last; a client may send the pieces back as it got them.
            if (part is Part.Thinking { Signature: null } piece)
            {
                at = piece.At;
                thought.Append(piece.Value);
                continue;
            }
            if (part is Part.Thinking { Signature: { } seal } end)
            {
                yield return new JsonObject { ["type"] = "thinking", ["thinking"] = thought.Append(end.Value).ToString(), ["signature"] = seal };
                thought.Clear();
                continue;
            }
            Sealed(thought, at, passage);
            yield return Block(part, passage);
        }
        Sealed(thought, at, passage);
    }

    private static void Sealed(StringBuilder thought, string at, Passage passage)
    {
        if (thought.Length > 0)
        {
            throw passage.CannotCarry(at, "Reasoning is taken back only with its signature (reasoning_details). Leave it out, or send the message back as it came.");
        }
    }

    private static JsonObject Block(Part part, Passage passage)
    {
        switch (part)
        {
            case Part.Text text:
                return new JsonObject { ["type"] = "text", ["text"] = text.Value };
            case Part.Refusal refusal:
                return new JsonObject { ["type"] = "text", ["text"] = refusal.Value };
            case Part.HiddenThinking hidden:
                return new JsonObject { ["type"] = "redacted_thinking", ["data"] = hidden.Data };
            case Part.ToolCall call:
                return new JsonObject { ["type"] = "tool_use", ["id"] = call.Id, ["name"] = call.Name, ["input"] = Arguments(call) };
            case Part.ToolResult result:
                var block = new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = result.CallId, ["content"] = Of(result.Content, passage) };
                if (result.IsError)
                {
                    block["is_error"] = true;
                }
                return block;
            case Part.Media { Kind: MediaKind.Image } image:
                if (image.Detail is not null and not "auto")
                {
                    passage.LeaveHint("image_url.detail");
                }
                return new JsonObject { ["type"] = "image", ["source"] = Source(image) };
            case Part.Media { Kind: MediaKind.Document } document:
                var written = new JsonObject { ["type"] = "document", ["source"] = Source(document) };
                if (document.Name is { } name)
                {
                    written["title"] = name;
                }
                return written;
            default:
                throw passage.CannotCarry(part.At);
        }
    }

    private static JsonObject Source(Part.Media media) => media switch
    {
        { Url: { } url } => new JsonObject { ["type"] = "url", ["url"] = url },
        { Type: "text/plain", Kind: MediaKind.Document } => new JsonObject
        {
            ["type"] = "text", ["media_type"] = "text/plain", ["data"] = Encoding.UTF8.GetString(Base64(media)),
        },
        _ => new JsonObject { ["type"] = "base64", ["media_type"] = media.Type, ["data"] = media.Data },
    };

    private static byte[] Base64(Part.Media media)
    {
        try
        {
            return Convert.FromBase64String(media.Data!);
        }
        catch (FormatException broken)
        {
            throw new ModelCallException(StatusCodes.Status400BadRequest, new CallError($"'{media.At}' is no base64.", "invalid_request_error", media.At, "invalid_data_url"), inner: broken);
        }
    }

    /// <summary>Here arguments are an object, not text; what a model once wrote may be neither.</summary>
    internal static JsonNode Arguments(Part.ToolCall call)
    {
        try
        {
            return JsonNode.Parse(call.Arguments.Length == 0 ? "{}" : call.Arguments) as JsonObject
                ?? throw ModelCallException.Invalid("invalid_arguments", $"The arguments of '{call.At}' are no JSON object.", call.At);
        }
        catch (JsonException broken)
        {
            throw new ModelCallException(StatusCodes.Status400BadRequest, new CallError($"The arguments of '{call.At}' are no JSON: {broken.Message}", "invalid_request_error", call.At, "invalid_arguments"), inner: broken);
        }
    }
}
