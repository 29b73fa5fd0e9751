using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// What a server can do besides its tools, as tools: so that its resources and prompts too are had under policy and on record. No tool of a server can have
/// such a name.
/// </summary>
internal sealed class McpMethodTool : ITool
{
    private const string Uri = """{"type":"object","properties":{"uri":{"type":"string","maxLength":8192}},"required":["uri"],"additionalProperties":false}""";
    private const string Cursor = """{"type":"object","properties":{"cursor":{"type":"string","maxLength":8192}},"additionalProperties":false}""";

    private static readonly Method[] All =
    [
        new("resources:list", RequestMethods.ResourcesList, "resources", "Lists the resources of this server; ask for the next page with its nextCursor.", Cursor),
        new("resources:templates", RequestMethods.ResourcesTemplatesList, "resources", "Lists the patterns of addresses that this server's resources can have.", Cursor),
        new("resources:read", RequestMethods.ResourcesRead, "resources", "Reads a resource of this server by its address.", Uri),
        new("resources:subscribe", RequestMethods.ResourcesSubscribe, "subscribe", "Asks this server to tell when a resource changes.", Uri),
        new("prompts:list", RequestMethods.PromptsList, "prompts", "Lists the prompts of this server; ask for the next page with its nextCursor.", Cursor),
        new("prompts:get", RequestMethods.PromptsGet, "prompts", "Gets a prompt of this server with the given arguments.",
            """{"type":"object","properties":{"name":{"type":"string","maxLength":1024},"arguments":{"type":"object","additionalProperties":{"type":"string"}}},"required":["name"],"additionalProperties":false}"""),
        new("completion:complete", RequestMethods.CompletionComplete, "completions", "Proposes how an argument of a prompt or of a resource's address could go on.",
            """{"type":"object","properties":{"ref":{"type":"object"},"argument":{"type":"object"},"context":{"type":"object"}},"required":["ref","argument"],"additionalProperties":false}"""),
    ];

    private readonly McpConnection _connection;
    private readonly McpOptions _options;
    private readonly string _method;

    private McpMethodTool(string server, Method method, bool trusted, McpConnection connection, McpOptions options)
    {
        (_connection, _options, _method) = (connection, options, method.Name);
        Spec = new ToolSpec
        {
            Server = server, Name = method.Tool, Version = "1", Title = method.Tool, Description = method.Description, InputSchema = JsonSerializer.Deserialize<JsonElement>(method.Schema),

            // What the server does with a request is its own affair, unless the operator trusts it.
            ReadOnly = trusted, Idempotent = trusted, Destructive = !trusted, OpenWorld = !trusted, TimeoutDefault = options.CallDurationMax,
        };
    }

    public ToolSpec Spec { get; }

    /// <summary>Those that a server has.</summary>
    public static IEnumerable<McpMethodTool> Of(string server, IReadOnlyList<string> methods, bool trusted, McpConnection connection, McpOptions options) =>
        All.Where(method => methods.Contains(method.Capability)).Select(method => new McpMethodTool(server, method, trusted, connection, options));

    /// <summary>What a server that says this of itself has, to be kept on record.</summary>
    public static IReadOnlyList<string> Methods(ServerCapabilities capabilities) =>
    [
        .. capabilities.Completions is null ? Array.Empty<string>() : ["completions"],
        .. capabilities.Prompts is null ? Array.Empty<string>() : ["prompts"],
        .. capabilities.Resources is null ? Array.Empty<string>() : ["resources"],
        .. capabilities.Resources?.Subscribe is true ? ["subscribe"] : Array.Empty<string>(),
    ];

    public Task<ToolOutput> Run(ToolCall call, CancellationToken ct) =>
        McpRequest.Run(_connection, _method, JsonNode.Parse(call.Arguments.GetRawText())!.AsObject(), Spec, call, _options, static _ => null, ct);

    private sealed record Method(string Tool, string Name, string Capability, string Description, string Schema);
}
