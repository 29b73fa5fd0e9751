using System.Text;
using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Scripted;

/// <summary>What a script looks at: how far the conversation is, what the tools answered, which tools are offered.</summary>
public sealed record Conversation(int AssistantMessages, IReadOnlyList<string> ToolResults, IReadOnlyList<string> Tools)
{
    public static Conversation Of(CallRequest request)
    {
        using var document = JsonDocument.Parse(request.Body, new JsonDocumentOptions { MaxDepth = 128 });
        var (assistant, results) = (0, new List<string>());
        foreach (var message in document.RootElement.GetProperty("messages").EnumerateArray())
        {
            switch (message.ValueKind == JsonValueKind.Object && message.TryGetProperty("role", out var role) ? role.ToString() : "")
            {
                case "assistant":
                    assistant++;
                    break;
                case "tool":
                    results.Add(message.TryGetProperty("content", out var content) ? Text(content) : "");
                    break;
            }
        }
        var tools = document.RootElement.TryGetProperty("tools", out var offered) && offered.ValueKind == JsonValueKind.Array
            ? offered.EnumerateArray().Select(Name).OfType<string>().ToArray()
            : [];
        return new Conversation(assistant, results, tools);
    }

    /// <summary>The wire allows no dots in a function's name, so <c>files.read</c> is offered as <c>files__read</c>; the script may use either.</summary>
    public string? Offered(string tool) => Tools.FirstOrDefault(name => name == tool) ?? Tools.FirstOrDefault(name => Plain(name) == Plain(tool));

    private static string Plain(string name) => name.Replace("__", ".", StringComparison.Ordinal);

    private static string? Name(JsonElement tool) =>
        tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
        && function.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;

    /// <summary>Content is a text or a list of parts.</summary>
    private static string Text(JsonElement content)
    {
        if (content.ValueKind != JsonValueKind.Array)
        {
            return content.ValueKind == JsonValueKind.String ? content.GetString()! : content.GetRawText();
        }
        var all = new StringBuilder();
        foreach (var part in content.EnumerateArray())
        {
            if (part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var text))
            {
                all.Append(text.ToString());
            }
        }
        return all.ToString();
    }
}
