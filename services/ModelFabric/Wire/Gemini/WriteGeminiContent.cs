using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Wire.Messages;

namespace AgentPlatform.ModelFabric.Wire.Gemini;

/// <summary>Contents and parts. A result names its tool here, so the calls are remembered by their ids.</summary>
internal sealed class WriteGeminiContent(Passage passage)
{
    private readonly Dictionary<string, string> _toolOfCall = [];

    public JsonNode Of(Turn turn) => new JsonObject { ["role"] = turn.Role == Role.Assistant ? "model" : "user", ["parts"] = Parts(turn.Parts) };

    public JsonArray Parts(IReadOnlyList<Part> parts)
    {
        var written = new JsonArray();
        string? seal = null;
        foreach (var part in parts)
        {
            if (part is Part.Thinking thinking)
            {
                if (thinking.Value.Length > 0)
                {
                    written.Add(new JsonObject { ["text"] = thinking.Value, ["thought"] = true });
                }
                // Google seals what follows the reasoning, a call above all, and wants the seal back in that place.
                seal = thinking.Signature ?? seal;
                continue;
            }
            var one = One(part);
            if (seal is not null)
            {
                (one["thoughtSignature"], seal) = (seal, null);
            }
            written.Add(one);
        }
        if (seal is not null)
        {
            written.Add(new JsonObject { ["text"] = "", ["thoughtSignature"] = seal });
        }
        return written;
    }

    private JsonObject One(Part part)
    {
        switch (part)
        {
            case Part.Text text:
                return new JsonObject { ["text"] = text.Value };
            case Part.Refusal refusal:
                return new JsonObject { ["text"] = refusal.Value };
            case Part.Media { Data: { } data, Type: { } type } media:
                if (media.Detail is not null and not "auto")
                {
                    passage.LeaveHint("image_url.detail");
                }
                if (media.Name is not null)
                {
                    passage.LeaveHint("filename");
                }
                return new JsonObject { ["inlineData"] = new JsonObject { ["mimeType"] = type, ["data"] = data } };
            case Part.Media:
                throw passage.CannotCarry(part.At, "Send the data itself; the provider does not fetch addresses.");
            case Part.ToolCall call:
                _toolOfCall[call.Id] = call.Name;
                return new JsonObject { ["functionCall"] = new JsonObject { ["id"] = call.Id, ["name"] = call.Name, ["args"] = WriteMessagesContent.Arguments(call) } };
            case Part.ToolResult result:
                return new JsonObject { ["functionResponse"] = Result(result) };
            default:
                throw passage.CannotCarry(part.At, "This provider does not take it back. Leave it out of the conversation.");
        }
    }

    private JsonObject Result(Part.ToolResult result)
    {
        if (!_toolOfCall.TryGetValue(result.CallId, out var tool))
        {
            throw ModelCallException.Invalid("unknown_tool_call", $"'{result.At}' answers the call '{result.CallId}', which the conversation does not hold.", result.At);
        }
        if (result.Content.FirstOrDefault(part => part is not Part.Text) is { } other)
        {
            throw passage.CannotCarry(other.At, "A tool's result is text there; say the rest in a message of its own.");
        }
        var text = string.Concat(result.Content.OfType<Part.Text>().Select(piece => piece.Value));
        return new JsonObject { ["id"] = result.CallId, ["name"] = tool, ["response"] = new JsonObject { [result.IsError ? "error" : "output"] = text } };
    }
}
