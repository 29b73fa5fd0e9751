using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What became of a call, as an MCP client is told.</summary>
internal static class CallAnswer
{
    public static CallToolResult Of(InvocationView view, bool isResult)
    {
        var about = new JsonObject { ["invocation"] = view.Id.ToString(), ["tool"] = view.Tool, ["state"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(view.State.ToString()) };
        if (view.Outcome is not { } outcome)
        {
            if (view.State == InvocationState.WaitingApproval)
            {
                about["request"] = new Contracts.RequestId(view.Id.Value).ToString();
            }

            return new CallToolResult { Content = [new TextContentBlock { Text = Pending(view) }], StructuredContent = JsonSerializer.SerializeToElement(about) };
        }

        // What came from an MCP server is a result already, also where it says that it failed.
        if (isResult && outcome.Content.ValueKind == JsonValueKind.Object && outcome.Content.TryGetProperty("content", out _))
        {
            return outcome.Content.Deserialize<CallToolResult>(McpJsonUtilities.DefaultOptions)!;
        }

        about["outcome"] = JsonSerializer.SerializeToNode(outcome.Status, ContractJson.Options);
        if (outcome.Error is { } error)
        {
            about["class"] = error.Class;
            about["retryable"] = error.Retryable;
            about["content"] = JsonNode.Parse(outcome.Content.GetRawText());
            return Failed(error.Message, about);
        }

        return new CallToolResult
        {
            Content = [new TextContentBlock { Text = outcome.Content.GetRawText() }],
            StructuredContent = outcome.Content.ValueKind == JsonValueKind.Object ? outcome.Content : null,
        };
    }

    /// <summary>What there is to say to somebody whose call has no end yet.</summary>
    public static string Pending(InvocationView view) => view.State == InvocationState.WaitingApproval
        ? $"Pending: {view.Tool} waits for a human's approval, request {new Contracts.RequestId(view.Id.Value)} ({view.Verdict?.Reason}). It runs by itself when it is approved. Ask {ServeMcp.ResultTool} with invocation {view.Id} for the result; do not call it again."
        : $"Pending: {view.Tool} still runs. Ask {ServeMcp.ResultTool} with invocation {view.Id} for the result; do not call it again.";

    public static CallToolResult Refused(ProblemException problem) => Failed(problem.Message, new JsonObject { ["class"] = problem.Slug });

    private static CallToolResult Failed(string message, JsonObject about) =>
        new() { IsError = true, Content = [new TextContentBlock { Text = message }], StructuredContent = JsonSerializer.SerializeToElement(about) };
}
