using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Mcp.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>The server that the official suite expects to find, with its names: at <c>/sessions</c> as it was until 2025-11-25, at <c>/stateless</c> as it is since 2026-07-28.</summary>
internal sealed class ConformanceServer : IAsyncDisposable
{
    private const string Pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
    private const string Silence = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);
    private readonly WebApplication _app;
    private readonly TaskCompletionSource _hanging;

    private ConformanceServer(WebApplication app, TaskCompletionSource hanging) => (_app, _hanging) = (app, hanging);

    public Uri Url => new(_app.Urls.First());

    /// <summary>Somebody called the tool that never answers.</summary>
    public Task Hanging => _hanging.Task;

    public static async Task<ConformanceServer> Start(int port = 0)
    {
        var hanging = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Step);
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(new ServingOptions()).AddSingleton<McpHttpSessions>().AddSingleton<McpHttp>();
        var app = builder.Build();
        var methods = new[] { HttpMethods.Get, HttpMethods.Post, HttpMethods.Delete };
        app.MapMethods("/sessions", methods, (HttpContext http, McpHttp mcp, CancellationToken ct) => mcp.Handle(http, _ => Task.FromResult(new Served(Options("2025-11-25", hanging))), ct));
        app.MapMethods("/stateless", methods, (HttpContext http, McpHttp mcp, CancellationToken ct) => mcp.Handle(http, _ => Task.FromResult(new Served(Options(version: null, hanging))), ct));
        await app.StartAsync();
        return new ConformanceServer(app, hanging);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static McpServerOptions Options(string? version, TaskCompletionSource hanging) => new()
    {
        ServerInfo = new Implementation { Name = "conformance-server", Version = "1" },
        ProtocolVersion = version,
        Capabilities = new ServerCapabilities
        {
            Tools = new ToolsCapability(), Prompts = new PromptsCapability(), Logging = new LoggingCapability(), Completions = new CompletionsCapability(),
            Resources = new ResourcesCapability { Subscribe = true },
        },
        Handlers = new McpServerHandlers
        {
            ListToolsHandler = (_, _) => ValueTask.FromResult(new ListToolsResult { Tools = [.. ConformanceTools.All.Select(tool => new Tool
            {
                Name = tool.Key, Description = $"The suite's {tool.Key}.", InputSchema = tool.Value, Annotations = new ToolAnnotations { ReadOnlyHint = true, OpenWorldHint = false },
            })] }),
            CallToolHandler = (context, ct) => Call(context, hanging, ct),
            ListResourcesHandler = (_, _) => ValueTask.FromResult(new ListResourcesResult
            {
                Resources =
                [
                    new Resource { Uri = "test://static-text", Name = "Static text", Description = "A text.", MimeType = "text/plain" },
                    new Resource { Uri = "test://static-binary", Name = "Static binary", Description = "A picture.", MimeType = "image/png" },
                    new Resource { Uri = "test://watched-resource", Name = "Watched", Description = "Changes.", MimeType = "text/plain" },
                ],
            }),
            ListResourceTemplatesHandler = (_, _) => ValueTask.FromResult(new ListResourceTemplatesResult
            {
                ResourceTemplates = [new ResourceTemplate { UriTemplate = "test://template/{id}/data", Name = "Template", Description = "By id.", MimeType = "application/json" }],
            }),
            ReadResourceHandler = (context, _) => ValueTask.FromResult(Read(context.Params!.Uri)),
            ListPromptsHandler = (_, _) => ValueTask.FromResult(new ListPromptsResult { Prompts = [.. ConformancePrompts.All] }),
            GetPromptHandler = (context, _) => ValueTask.FromResult(ConformancePrompts.Get(context.Params!, Pixel)),
            CompleteHandler = (_, _) => ValueTask.FromResult(new CompleteResult { Completion = new Completion { Values = ["paris", "park", "party"], Total = 3, HasMore = false } }),
            SubscribeToResourcesHandler = (_, _) => ValueTask.FromResult(new EmptyResult()),
            UnsubscribeFromResourcesHandler = (_, _) => ValueTask.FromResult(new EmptyResult()),
            SetLoggingLevelHandler = (_, _) => ValueTask.FromResult(new EmptyResult()),
        },
    };

    private static async ValueTask<CallToolResult> Call(RequestContext<CallToolRequestParams> context, TaskCompletionSource hanging, CancellationToken ct)
    {
        var asked = context.Params!;
        switch (asked.Name)
        {
            case "test_simple_text": return Text("This is a simple text response for testing.");
            case "test_reconnection" or "test_headers": return Text("answered");
            case "test_image_content": return new CallToolResult { Content = [Image()] };
            case "test_audio_content": return new CallToolResult { Content = [new AudioContentBlock { Data = Bytes(Silence), MimeType = "audio/wav" }] };
            case "test_embedded_resource": return new CallToolResult { Content = [Embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")] };
            case "test_multiple_content_types":
                return new CallToolResult { Content = [new TextContentBlock { Text = "Multiple content types test:" }, Image(), Embedded("test://mixed-content-resource", "application/json", """{"test":"data","value":123}""")] };
            case "test_error_handling": return new CallToolResult { IsError = true, Content = [new TextContentBlock { Text = "This tool intentionally returns an error for testing" }] };
            case "test_tool_with_logging" or "test_logging_tool":
                foreach (var line in (string[])["Tool execution started", "Tool processing data", "Tool execution completed"])
                {
                    await context.Server.SendNotificationAsync(
                        NotificationMethods.LoggingMessageNotification, new LoggingMessageNotificationParams { Level = LoggingLevel.Info, Data = JsonSerializer.SerializeToElement(line) }, cancellationToken: ct);
                    await Pause(ct);
                }

                return Text("logged");
            case "test_tool_with_progress":
                foreach (var progress in (int[])[0, 50, 100])
                {
                    if (asked.ProgressToken is { } token)
                    {
                        await context.Server.NotifyProgressAsync(token, new ProgressNotificationValue { Progress = progress, Total = 100, Message = $"Completed step {progress} of 100" }, cancellationToken: ct);
                    }

                    await Pause(ct);
                }

                return Text("done");
            case "test_hang":
                hanging.TrySetResult();
                await new TaskCompletionSource().Task.WaitAsync(ct);
                return Text("never");
            case "test_missing_capability":
                return context.Server.ClientCapabilities?.Sampling is null
                    ? throw new MissingRequiredClientCapabilityException(new ClientCapabilities { Sampling = new SamplingCapability() })
                    : Text("sampling was declared");
            default:
                return ConformanceQuestions.Answer(context) ?? throw new McpProtocolException($"There is no tool {asked.Name}", McpErrorCode.InvalidParams);
        }
    }

    internal static CallToolResult Text(string text) => new() { Content = [new TextContentBlock { Text = text }] };

    private static ImageContentBlock Image() => new() { Data = Bytes(Pixel), MimeType = "image/png" };

    private static EmbeddedResourceBlock Embedded(string uri, string type, string text) => new() { Resource = new TextResourceContents { Uri = uri, MimeType = type, Text = text } };

    private static ReadOnlyMemory<byte> Bytes(string base64) => System.Text.Encoding.UTF8.GetBytes(base64);

    private static ReadResourceResult Read(string uri) => uri switch
    {
        "test://static-text" => Contents(uri, "text/plain", "This is the content of the static text resource."),
        "test://watched-resource" => Contents(uri, "text/plain", "Watched resource content"),
        "test://static-binary" => new ReadResourceResult { Contents = [new BlobResourceContents { Uri = uri, MimeType = "image/png", Blob = Bytes(Pixel) }] },
        _ when uri.Split('/') is [_, _, "template", var id, "data"] => Contents(uri, "application/json", new JsonObject { ["id"] = id, ["templateTest"] = true, ["data"] = $"Data for ID: {id}" }.ToJsonString()),
        _ => throw new McpProtocolException("Resource not found", McpErrorCode.InvalidParams) { Data = { ["uri"] = uri } },
    };

    private static ReadResourceResult Contents(string uri, string type, string text) => new() { Contents = [new TextResourceContents { Uri = uri, MimeType = type, Text = text }] };

    // The suite wants what is told to come one after the other in time.
    private static async Task Pause(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(Step);
        await timer.WaitForNextTickAsync(ct);
    }
}
