using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp.Serving;
using AgentPlatform.ToolGateway.Registry;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using SdkServer = ModelContextProtocol.Server.McpServer;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// One server behind the gateway as if it stood alone: its tools, resources and prompts under their own names, for clients that know them by these. Nothing is
/// had past the policy: each call, each resource that is read, each prompt and each completion is an invocation of <c>NAME.something</c>.
/// </summary>
internal sealed class ServeOneServer(OfferedTools offered, ServeCall serve, McpTools servers, ToolRegistry registry, NatsLink nats, McpOptions options, TimeProvider time)
{
    /// <summary>How a server for one principal answers; null if there is no such server.</summary>
    public async Task<Served?> Named(string name, Caller who, CancellationToken ct)
    {
        if (await servers.Find(name, ct) is not { } connection)
        {
            return null;
        }

        var (there, instructions) = await Known(connection, ct);
        var watched = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        var surface = new OneServer(offered, serve, options, time, name, who, connection, watched);
        var handlers = new McpServerHandlers
        {
            ListToolsHandler = async (_, stop) => new ListToolsResult { Tools = [.. (await surface.Offered(stop)).OfType<McpTool>().Select(tool => ServeMcp.Describe(tool.Spec, tool.NameThere))] },
            CallToolHandler = (context, stop) => new ValueTask<CallToolResult>(surface.Call(context, stop)),
            SetLoggingLevelHandler = static (_, _) => ValueTask.FromResult(new EmptyResult()),
        };
        var capabilities = new ServerCapabilities { Tools = new ToolsCapability { ListChanged = true }, Logging = new LoggingCapability() };
        if (there?.Resources is { } resources)
        {
            capabilities.Resources = new ResourcesCapability { ListChanged = true, Subscribe = resources.Subscribe };
            handlers.ListResourcesHandler = async (context, stop) => await surface.List<ListResourcesResult>(RequestMethods.ResourcesList, "resources:list", "resources", context.Params, stop);
            handlers.ListResourceTemplatesHandler = async (context, stop) => await surface.List<ListResourceTemplatesResult>(RequestMethods.ResourcesTemplatesList, "resources:templates", "resourceTemplates", context.Params, stop);
            handlers.ReadResourceHandler = async (context, stop) => await surface.Ask<ReadResourceRequestParams, ReadResourceResult>(context, "resources:read", stop);
            handlers.SubscribeToResourcesHandler = async (context, stop) =>
            {
                await surface.Ask<SubscribeRequestParams, EmptyResult>(context, "resources:subscribe", stop);
                return surface.Watch(context.Params!.Uri);
            };

            // The server goes on telling us, for others who may watch the same; this client hears no more of it.
            handlers.UnsubscribeFromResourcesHandler = (context, _) =>
            {
                watched.TryRemove(context.Params?.Uri ?? string.Empty, out var _);
                return ValueTask.FromResult(new EmptyResult());
            };
        }

        if (there?.Prompts is not null)
        {
            capabilities.Prompts = new PromptsCapability { ListChanged = true };
            handlers.ListPromptsHandler = async (context, stop) => await surface.List<ListPromptsResult>(RequestMethods.PromptsList, "prompts:list", "prompts", context.Params, stop);
            handlers.GetPromptHandler = async (context, stop) => await surface.Ask<GetPromptRequestParams, GetPromptResult>(context, "prompts:get", stop);
        }

        if (there?.Completions is not null)
        {
            capabilities.Completions = new CompletionsCapability();
            handlers.CompleteHandler = async (context, stop) => await surface.Ask<CompleteRequestParams, CompleteResult>(context, "completion:complete", stop);
        }

        return new Served(
            new McpServerOptions
            {
                ServerInfo = new Implementation { Name = name, Title = $"{name}, through AgentPlatform ToolGateway", Version = "1" },
                ServerInstructions = instructions, Capabilities = capabilities, Handlers = handlers,
            },
            tool => registry.Find($"{name}.{tool}")?.Spec.InputSchema,
            server => new McpNews(nats, name).Listen((method, content) => Pass(server, watched, method, content)));
    }

    // A server that does not answer now has its tools all the same: they are pinned.
    private static async Task<(ServerCapabilities? Capabilities, string? Instructions)> Known(McpConnection connection, CancellationToken ct)
    {
        try
        {
            var session = await connection.Open(ct);
            return (session.Client.ServerCapabilities, session.Client.ServerInstructions is { } text ? McpResult.Masked(text, session.Secrets) : null);
        }
        catch (McpUnavailableException)
        {
            return default;
        }
    }

    private static void Pass(SdkServer server, ConcurrentDictionary<string, bool> watched, string method, JsonNode? content)
    {
        if (method != NotificationMethods.ResourceUpdatedNotification || (content?["uri"]?.ToString() is { } uri && watched.ContainsKey(uri)))
        {
            _ = server.SendNotificationAsync(method, content ?? new JsonObject(), McpJsonUtilities.DefaultOptions)
                .ContinueWith(static lost => lost.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }
    }
}
