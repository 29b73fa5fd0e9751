using System.ComponentModel;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record WriteFileArguments
{
    [Description("File to write, relative to the workspace; missing folders are made.")]
    public required string Path { get; init; }

    [Description("The whole new content.")]
    public required string Content { get; init; }
}

public sealed class WriteFile : Tool<WriteFileArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "write", Version = "1", Title = "Write a file", Idempotent = true, InputSchema = Schema, ContentArguments = ["content"],
        Description = "Writes a text file of the workspace whole, replacing what was there. Use files.edit to change a part of a file.",
    };

    protected override async Task<ToolOutput> Run(WriteFileArguments arguments, ToolCall call, CancellationToken ct)
    {
        var written = await call.Workspace.WriteText(arguments.Path, arguments.Content, ct);
        return Done(written, written);
    }
}
