using System.ComponentModel;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record DeleteFileArguments
{
    [Description("File to delete, relative to the workspace.")]
    public required string Path { get; init; }
}

public sealed class DeleteFile : Tool<DeleteFileArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "delete", Version = "1", Title = "Delete a file", Idempotent = true, Destructive = true, InputSchema = Schema,
        Description = "Deletes one file of the workspace. Says whether there was one; deleting a file that is gone is not an error.",
    };

    protected override Task<ToolOutput> Run(DeleteFileArguments arguments, ToolCall call, CancellationToken ct) =>
        Task.FromResult(Done(new { arguments.Path, Deleted = call.Workspace.Delete(arguments.Path) }));
}
