using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Toolkits;

/// <summary>A tool: no policy, no events, no transport; only what it does to a workspace.</summary>
public interface ITool
{
    ToolSpec Spec { get; }

    /// <summary>Why it must not be called now, whatever policy says; null when it may.</summary>
    string? Withheld => null;

    /// <summary>Carries out one call. Bad arguments and expected trouble come back as a <see cref="ToolFailure"/>; an exception is a bug or a cancellation.</summary>
    Task<ToolOutput> Run(ToolCall call, CancellationToken ct);
}

/// <summary>What a tool is, for the registry, for policy and for a model.</summary>
public sealed record ToolSpec
{
    /// <summary>The group of tools, such as <c>files</c>.</summary>
    public required string Server { get; init; }

    public required string Name { get; init; }
    public required string Version { get; init; }
    public required string Title { get; init; }

    /// <summary>Written for a model: what it does, when to use it, what comes back.</summary>
    public required string Description { get; init; }

    /// <summary>JSON Schema of the arguments.</summary>
    public required JsonElement InputSchema { get; init; }

    /// <summary>Changes nothing.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Doing it twice with the same arguments is the same as doing it once.</summary>
    public bool Idempotent { get; init; }

    /// <summary>May remove or overwrite what cannot be had back.</summary>
    public bool Destructive { get; init; }

    /// <summary>Reaches beyond the workspace.</summary>
    public bool OpenWorld { get; init; }

    /// <summary>Arguments that are what a file is to hold, for example; what they say names nothing that is reached.</summary>
    public IReadOnlyCollection<string> ContentArguments { get; init; } = [];

    /// <summary>Arguments that name hosts which a call wants to reach: a call that has one reaches beyond the workspace, whatever its tool does without.</summary>
    public IReadOnlyCollection<string> HostArguments { get; init; } = [];

    public TimeSpan TimeoutDefault { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Most bytes of <see cref="ToolOutput.Content"/> as JSON.</summary>
    public int OutputBytesMax { get; init; } = 1024 * 1024;

    /// <summary>Name within all servers: <c>files.read</c>.</summary>
    public string FullName => $"{Server}.{Name}";

    /// <summary>Hosts that a call asks to reach.</summary>
    public IReadOnlyList<string> HostsOf(JsonElement arguments) =>
        HostArguments.Count == 0 || arguments.ValueKind != JsonValueKind.Object ? []
        : [.. arguments.EnumerateObject().Where(member => HostArguments.Contains(member.Name, StringComparer.OrdinalIgnoreCase) && member.Value.ValueKind == JsonValueKind.Array)
            .SelectMany(member => member.Value.EnumerateArray()).Where(host => host.ValueKind == JsonValueKind.String).Select(host => host.GetString()!)];

    /// <summary>The pinned id: <c>files.read@1</c>.</summary>
    public string Id => $"{FullName}@{Version}";
}

/// <summary>One call of a tool.</summary>
public sealed record ToolCall
{
    public required Guid Invocation { get; init; }
    public required JsonElement Arguments { get; init; }
    public required Workspace Workspace { get; init; }

    /// <summary>Shorter than the tool's own default when the caller has less time.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Receives lines while the tool runs; must be quick.</summary>
    public Action<OutputLine>? OnLine { get; init; }

    /// <summary>On whose behalf.</summary>
    public string Principal { get; init; } = string.Empty;

    /// <summary>The program that made the call, if it listens.</summary>
    public ICaller? Caller { get; init; }
}

/// <summary>The program that made a call, while the call runs.</summary>
public interface ICaller
{
    /// <summary>What it can do, in the words of the Model Context Protocol.</summary>
    JsonElement Capabilities { get; }

    /// <summary>The least serious log lines it wants; none when null.</summary>
    string? LogLevel { get; }

    /// <summary>Tells it something; lost if it does not listen now.</summary>
    void Tell(string method, JsonNode? content);

    /// <summary>Asks it something and waits, for a bounded time.</summary>
    /// <param name="requests">By key: a method and its parameters.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <returns>By key, those that it answered; null if it did not answer in time.</returns>
    Task<JsonObject?> Ask(JsonObject requests, CancellationToken ct);
}

/// <summary>What came of a call. With a failure, content still holds what is known (an exit code, partial output).</summary>
public sealed record ToolOutput(JsonElement Content, IReadOnlyList<ToolArtifact> Artifacts, ToolFailure? Failure)
{
    /// <summary>The layers that stood around the processes it started; null when it started none.</summary>
    public IReadOnlyList<LayerInForce>? Layers { get; init; }

    public static ToolOutput Failed(string kind, string message, bool retryable = false) =>
        new(JsonSerializer.SerializeToElement<object?>(null, ToolJson.Options), [], new(kind, message, retryable));
}

/// <summary>A file a tool made or vouches for.</summary>
public sealed record ToolArtifact(string Path, string Sha256, long Bytes, string MediaType)
{
    public static ToolArtifact Of(HashedFile file) => new(file.Path, file.Sha256, file.Bytes, MediaTypes.Of(file.Path));
}

/// <summary>Why a call failed: a class from <see cref="FailureClass"/> and a message that names cause and remedy.</summary>
public sealed record ToolFailure(string Class, string Message, bool Retryable);

/// <summary>The closed list of failure classes; values travel in messages and only grow.</summary>
public static class FailureClass
{
    public const string InvalidArguments = "invalid_arguments", NotFound = "not_found", TooLarge = "too_large", Timeout = "timeout", Cancelled = "cancelled",
        Conflict = "conflict", Denied = "denied", Unavailable = "unavailable", SandboxLayer = "sandbox_layer", ExitCode = "exit_code", CheckFailed = "check_failed",
        Unreadable = "unreadable", Failed = "failed", Quarantined = "quarantined";

    /// <summary>The tool cannot tell whether its effect happened. A call that may be repeated has failed; any other needs a human.</summary>
    public const string UnknownOutcome = "unknown_outcome";
}
