using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What a server asks and tells by itself.</summary>
internal sealed partial class McpConnection
{
    private const string OnlyKey = "asked";

    /// <summary>Hears what belongs to no call: changed lists, changed resources.</summary>
    public Action<string, JsonNode?> Told { get; init; } = static (_, _) => { };

    private McpClientHandlers Handlers(IReadOnlyDictionary<string, string> secrets) => new()
    {
        ElicitationHandler = async (asked, ct) =>
            await Ask<ElicitRequestParams, ElicitResult>(RequestMethods.ElicitationCreate, asked, secrets, ct) ?? new ElicitResult { Action = "cancel" },
        SamplingHandler = async (asked, _, ct) =>
            await Ask<CreateMessageRequestParams, CreateMessageResult>(RequestMethods.SamplingCreateMessage, asked, secrets, ct)
            ?? throw new McpProtocolException("The client whose call this is offers no model, or did not answer", McpErrorCode.InvalidRequest),
        RootsHandler = async (asked, ct) => await Ask<ListRootsRequestParams, ListRootsResult>(RequestMethods.RootsList, asked, secrets, ct) ?? new ListRootsResult { Roots = [] },
    };

    // As they come, and before what comes after them: the SDK gives each message to a task of its own, so a line could come in behind the result that ends its call, and a
    // changed list behind the next call of what has changed.
    private void Heard(JsonRpcNotification told, IReadOnlyDictionary<string, string> secrets)
    {
        try
        {
            switch (told.Method)
            {
                case NotificationMethods.ToolListChangedNotification:
                    Told(told.Method, null);
                    ListChanged();
                    break;
                case NotificationMethods.PromptListChangedNotification or NotificationMethods.ResourceListChangedNotification or NotificationMethods.ResourceUpdatedNotification:
                    Told(told.Method, told.Params is { } content ? JsonNode.Parse(McpResult.Masked(content.ToJsonString(McpJsonUtilities.DefaultOptions), secrets)) : null);
                    break;
                case NotificationMethods.LoggingMessageNotification:
                    _calls.Only()?.Tell(told.Method, told.Params, secrets);
                    break;
                case NotificationMethods.ProgressNotification when told.Params?.Deserialize<ProgressNotificationParams>(McpJsonUtilities.DefaultOptions) is { } progress:
                    _calls.Of(progress.ProgressToken)?.Progressed(progress.Progress, told, secrets);
                    break;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            NotUnderstood(name, told.Method, e.Message);
        }
    }

    private async Task<TResult?> Ask<TParams, TResult>(string method, TParams? asked, IReadOnlyDictionary<string, string> secrets, CancellationToken ct)
        where TResult : class
    {
        if (_calls.Only() is not { } call)
        {
            AskedNobody(name, method);
            return null;
        }

        var content = asked is null ? new JsonObject() : JsonSerializer.SerializeToNode(asked, McpJsonUtilities.DefaultOptions);
        var answers = await call.Ask(new JsonObject { [OnlyKey] = new JsonObject { ["method"] = method, ["params"] = content } }, secrets, ct);
        return answers?[OnlyKey] is { } answer ? answer.Deserialize<TResult>(McpJsonUtilities.DefaultOptions) : null;
    }

    [LoggerMessage(4207, LogLevel.Warning, "MCP server {Server} asks for {Method} while several principals' calls run, or none; whose question it is cannot be told, so nobody was asked")]
    private partial void AskedNobody(string server, string method);

    [LoggerMessage(4208, LogLevel.Debug, "MCP server {Server} sent {Method} in a form that cannot be read: {Why}; it is left out")]
    private partial void NotUnderstood(string server, string method, string why);
}
