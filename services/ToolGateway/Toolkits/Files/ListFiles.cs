using System.ComponentModel;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record ListFilesArguments
{
    [Description("Which files: a glob relative to the workspace, such as **/*.md or inputs/*.")]
    public string Glob { get; init; } = "**/*";

    [Description("Most files to return.")]
    public int Limit { get; init; } = 500;
}

public sealed class ListFiles : Tool<ListFilesArguments>
{
    private const int FilesMax = 5000;

    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "list", Version = "1", Title = "List files", ReadOnly = true, Idempotent = true, InputSchema = Schema,
        Description = "Lists the regular files of the workspace that fit a glob, in alphabetical order, with their sizes. Symbolic links are not followed.",
    };

    protected override Task<ToolOutput> Run(ListFilesArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (arguments.Limit is < 1 or > FilesMax) throw new ToolRefusedException(FailureClass.InvalidArguments, $"limit must be between 1 and {FilesMax}.");
        var listing = call.Workspace.List(arguments.Glob, arguments.Limit);
        return Task.FromResult(Done(new { listing.Files, listing.Total, More = listing.Total > listing.Files.Count }));
    }
}
