using System.Text.Json.Nodes;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>What an answer says, read from any caller's format by the format's own rules.</summary>
public sealed record Said(string Thought, string Seal, string Text, string Calls, string End, string Usage, string Model)
{
    public static Said Of(string format, JsonNode answer) => format switch { "chat" => Chat(answer), "messages" => Messages(answer), _ => Response(answer) };

    private static Said Chat(JsonNode answer)
    {
        var (choice, usage) = (answer["choices"]![0]!, answer["usage"]!);
        var message = choice["message"]!;
        return new Said(
            (string?)message["reasoning_content"] ?? "",
            string.Concat((message["reasoning_details"]?.AsArray() ?? []).Select(detail => (string?)detail!["signature"])),
            (string?)message["content"] ?? "",
            string.Join("; ", (message["tool_calls"]?.AsArray() ?? []).Select(call => $"{call!["id"]} {call["function"]!["name"]} {call["function"]!["arguments"]}")),
            (string)choice["finish_reason"]!,
            $"{usage["prompt_tokens"]}({usage["prompt_tokens_details"]!["cached_tokens"]})/{usage["completion_tokens"]}({usage["completion_tokens_details"]!["reasoning_tokens"]})",
            (string)answer["model"]!);
    }

    private static Said Messages(JsonNode answer)
    {
        var (blocks, usage) = (answer["content"]!.AsArray(), answer["usage"]!);
        string Of(string type, Func<JsonNode, string?> read, string between = "") => string.Join(between, blocks.Where(block => (string)block!["type"]! == type).Select(block => read(block!)));
        return new Said(
            Of("thinking", block => (string?)block["thinking"]), Of("thinking", block => (string?)block["signature"]), Of("text", block => (string?)block["text"]),
            Of("tool_use", block => $"{block["id"]} {block["name"]} {block["input"]!.ToJsonString()}", "; "),
            (string)answer["stop_reason"]!, $"{usage["input_tokens"]}+{usage["cache_read_input_tokens"]}/{usage["output_tokens"]}", (string)answer["model"]!);
    }

    private static Said Response(JsonNode answer)
    {
        var (items, usage) = (answer["output"]!.AsArray(), answer["usage"]!);
        string Of(string type, Func<JsonNode, string?> read, string between = "") => string.Join(between, items.Where(item => (string)item!["type"]! == type).Select(item => read(item!)));
        string Texts(JsonNode item) => string.Concat((item["content"]?.AsArray() ?? []).Select(part => (string?)part!["text"]));
        return new Said(
            Of("reasoning", Texts), Of("reasoning", item => (string?)item["encrypted_content"]), Of("message", Texts), Of("function_call", item => $"{item["call_id"]} {item["name"]} {item["arguments"]}", "; "),
            (string)answer["status"]!,
            $"{usage["input_tokens"]}({usage["input_tokens_details"]!["cached_tokens"]})/{usage["output_tokens"]}({usage["output_tokens_details"]!["reasoning_tokens"]})", (string)answer["model"]!);
    }
}

/// <summary>Adds a stream up to the whole answer it stands for, as a client does.</summary>
public static class AddUp
{
    public static JsonNode Stream(string format, string events)
    {
        var data = events.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(block => block.Split('\n').Single(line => line.StartsWith("data: ", StringComparison.Ordinal))[6..]).ToList();
        return format switch { "chat" => Chat(data), "messages" => Messages(data), _ => Response(data) };
    }

    private static JsonObject Chat(List<string> data)
    {
        Assert.Equal("[DONE]", data[^1]);
        var (message, details, calls, finish, usage, model) = (new JsonObject(), new JsonArray(), new SortedDictionary<int, JsonObject>(), "", (JsonNode?)null, "");
        foreach (var chunk in data.SkipLast(1).Select(one => JsonNode.Parse(one)!))
        {
            (usage, model) = (chunk["usage"]?.DeepClone() ?? usage, (string)chunk["model"]!);
            if (chunk["choices"]!.AsArray() is not [{ } choice])
            {
                continue;
            }
            finish = (string?)choice["finish_reason"] ?? finish;
            foreach (var text in (string[])["content", "reasoning_content"])
            {
                message[text] = (string?)message[text] + (string?)choice["delta"]![text];
            }
            foreach (var detail in choice["delta"]!["reasoning_details"]?.AsArray() ?? [])
            {
                details.Add(detail!.DeepClone());
            }
            foreach (var call in choice["delta"]!["tool_calls"]?.AsArray() ?? [])
            {
                if (!calls.TryGetValue((int)call!["index"]!, out var known))
                {
                    calls[(int)call["index"]!] = call.DeepClone().AsObject();
                    continue;
                }
                known["function"]!["arguments"] = (string)known["function"]!["arguments"]! + (string)call["function"]!["arguments"]!;
            }
        }
        (message["reasoning_details"], message["tool_calls"]) = (details, new JsonArray([.. calls.Values]));
        return new JsonObject { ["model"] = model, ["choices"] = new JsonArray(new JsonObject { ["message"] = message, ["finish_reason"] = finish }), ["usage"] = usage };
    }

    private static JsonNode Messages(List<string> data)
    {
        JsonNode? message = null;
        var (blocks, arguments, open) = (new JsonArray(), "", -1);
        foreach (var one in data.Select(one => JsonNode.Parse(one)!))
        {
            switch ((string)one["type"]!)
            {
                case "message_start":
                    message = one["message"]!.DeepClone();
                    break;
                case "content_block_start":
                    Assert.Equal((-1, blocks.Count), (open, (int)one["index"]!));
                    open = blocks.Count;
                    blocks.Add(one["content_block"]!.DeepClone());
                    break;
                case "content_block_delta":
                    Assert.Equal(open, (int)one["index"]!);
                    var (block, delta) = (blocks[open]!, one["delta"]!);
                    switch ((string)delta["type"]!)
                    {
                        case "text_delta":
                            block["text"] = (string)block["text"]! + (string)delta["text"]!;
                            break;
                        case "thinking_delta":
                            block["thinking"] = (string)block["thinking"]! + (string)delta["thinking"]!;
                            break;
                        case "signature_delta":
                            block["signature"] = (string)delta["signature"]!;
                            break;
                        case "input_json_delta":
                            arguments += (string)delta["partial_json"]!;
                            break;
                    }
                    break;
                case "content_block_stop":
                    if (arguments.Length > 0)
                    {
                        (blocks[open]!["input"], arguments) = (JsonNode.Parse(arguments), "");
                    }
                    open = -1;
                    break;
                case "message_delta":
                    (message!["stop_reason"], message["usage"]) = ((string)one["delta"]!["stop_reason"]!, one["usage"]!.DeepClone());
                    break;
            }
        }
        Assert.Equal("""{"type":"message_stop"}""", data[^1]);
        message!["content"] = blocks;
        return message;
    }

    private static JsonNode Response(List<string> data)
    {
        var events = data.Select(one => JsonNode.Parse(one)!).ToList();
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(one => (int)one["sequence_number"]!));
        var last = events[^1]["response"]!;
        // The pieces, the done events and the response at the end say the same thing three times.
        Assert.Equal(
            events.Where(one => (string)one["type"]! == "response.output_item.done").Select(one => one["item"]!.ToJsonString()), last["output"]!.AsArray().Select(item => item!.ToJsonString()));
        Assert.Equal(
            string.Concat(events.Where(one => (string)one["type"]! == "response.output_text.delta").Select(one => (string)one["delta"]!)),
            string.Concat(events.Where(one => (string)one["type"]! == "response.output_text.done").Select(one => (string)one["text"]!)));
        return last;
    }
}
