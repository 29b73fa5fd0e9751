using System.Text;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>The prompts that the official suite asks for.</summary>
internal static class ConformancePrompts
{
    public static readonly Prompt[] All =
    [
        new Prompt { Name = "test_simple_prompt", Description = "Simple." },
        new Prompt { Name = "test_prompt_with_arguments", Description = "With arguments.", Arguments = [Argument("arg1"), Argument("arg2")] },
        new Prompt { Name = "test_prompt_with_embedded_resource", Description = "With a resource.", Arguments = [Argument("resourceUri")] },
        new Prompt { Name = "test_prompt_with_image", Description = "With a picture." },
        new Prompt { Name = "test_input_required_result_prompt", Description = "Asks first." },
    ];

    public static GetPromptResult Get(GetPromptRequestParams asked, string pixel)
    {
        string Given(string name) => asked.Arguments is { } given && given.TryGetValue(name, out var value) ? value.GetString() ?? string.Empty : string.Empty;
        return asked.Name switch
        {
            "test_simple_prompt" => Of(Text("This is a simple prompt for testing.")),
            "test_prompt_with_arguments" => Of(Text($"Prompt with arguments: arg1='{Given("arg1")}', arg2='{Given("arg2")}'")),
            "test_prompt_with_embedded_resource" => Of(
                new EmbeddedResourceBlock { Resource = new TextResourceContents { Uri = Given("resourceUri"), MimeType = "text/plain", Text = "Embedded resource content for testing." } },
                Text("Please process the embedded resource above.")),
            "test_prompt_with_image" => Of(new ImageContentBlock { Data = Encoding.UTF8.GetBytes(pixel), MimeType = "image/png" }, Text("Please analyze the image above.")),
            "test_input_required_result_prompt" => ConformanceQuestions.Given(asked, "user_context") is { } answer
                ? Of(Text($"In the context of {answer.GetRawText()}"))
                : throw ConformanceQuestions.Ask(state: null, ("user_context", ConformanceQuestions.Elicit("What context should the prompt use?", "context", "string"))),
            _ => throw new McpProtocolException($"There is no prompt {asked.Name}", McpErrorCode.InvalidParams),
        };
    }

    private static PromptArgument Argument(string name) => new() { Name = name, Description = $"The argument {name}.", Required = true };

    private static TextContentBlock Text(string text) => new() { Text = text };

    private static GetPromptResult Of(params ContentBlock[] content) => new() { Messages = [.. content.Select(block => new PromptMessage { Role = Role.User, Content = block })] };
}
