using System.ComponentModel;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record HashFileArguments
{
    [Description("File to hash, relative to the workspace.")]
    public required string Path { get; init; }
}

public sealed class HashFile : Tool<HashFileArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "hash", Version = "1", Title = "Hash a file", ReadOnly = true, Idempotent = true, InputSchema = Schema,
        Description = "Returns size and SHA-256 of a file of the workspace.",
    };

    protected override async Task<ToolOutput> Run(HashFileArguments arguments, ToolCall call, CancellationToken ct)
    {
        var hashed = await call.Workspace.Hash(arguments.Path, ct);
        return Done(hashed, hashed);
    }
}
