using System.ComponentModel;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record EditFileArguments
{
    [Description("File to change, relative to the workspace.")]
    public required string Path { get; init; }

    [Description("Text to replace, exactly as it stands in the file, with line breaks and indentation.")]
    public required string Old { get; init; }

    [Description("Text to put in its place.")]
    public required string New { get; init; }

    [Description("Replace every occurrence. Otherwise the old text must occur exactly once.")]
    public bool All { get; init; }
}

/// <summary>Exact replacement. Not idempotent: the new text may contain the old one.</summary>
public sealed class EditFile : Tool<EditFileArguments>
{
    private const long FileBytesMax = 16 * 1024 * 1024;

    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "edit", Version = "1", Title = "Edit a file", Idempotent = false, InputSchema = Schema, ContentArguments = ["old", "new"],
        Description = "Replaces exact text in a file of the workspace and says how many times. Without all, the old text must occur exactly once: give more of its surroundings if it does not.",
    };

    protected override async Task<ToolOutput> Run(EditFileArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (arguments.Old.Length == 0) throw new ToolRefusedException(FailureClass.InvalidArguments, "old is empty; use files.write to write a whole file.");
        if (arguments.Old == arguments.New) throw new ToolRefusedException(FailureClass.InvalidArguments, "old and new are the same; nothing would change.");
        var text = await call.Workspace.ReadText(arguments.Path, FileBytesMax, ct);
        var found = Occurrences(text, arguments.Old);
        if (found == 0) throw new ToolRefusedException(FailureClass.Conflict, $"The old text does not occur in '{arguments.Path}'; read the file and copy the text exactly.");
        if (found > 1 && !arguments.All)
            throw new ToolRefusedException(FailureClass.Conflict, $"The old text occurs {found} times in '{arguments.Path}'; give more of its surroundings, or set all.");
        var written = await call.Workspace.WriteText(arguments.Path, text.Replace(arguments.Old, arguments.New, StringComparison.Ordinal), ct);
        return Done(new { written.Path, Replaced = found, written.Bytes, written.Sha256 }, written);
    }

    private static int Occurrences(string text, string part)
    {
        var count = 0;
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal)) count++;
        return count;
    }
}
