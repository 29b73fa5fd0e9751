using System.ComponentModel;
using System.Text;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record ReadFileArguments
{
    [Description("File to read, relative to the workspace.")]
    public required string Path { get; init; }

    [Description("First line to return, counted from 1.")]
    public int Offset { get; init; } = 1;

    [Description("Most lines to return.")]
    public int Limit { get; init; } = 2000;
}

/// <summary>Reads lines of a text file. JSON files also come back parsed, so that a script can point into them.</summary>
public sealed class ReadFile : Tool<ReadFileArguments>
{
    private const int TextBytesMax = 512 * 1024;

    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "read", Version = "1", Title = "Read a file", ReadOnly = true, Idempotent = true, InputSchema = Schema,
        Description = "Reads a UTF-8 text file of the workspace, all of it or a range of lines. Returns the text, the number of lines of the whole file and whether more " +
            "follows; a .json file read whole is also returned parsed, as json. Convert office files with documents.to_markdown first.",
    };

    protected override async Task<ToolOutput> Run(ReadFileArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (arguments.Offset < 1 || arguments.Limit < 1) throw new ToolRefusedException(FailureClass.InvalidArguments, "offset and limit count from 1.");
        await using var file = call.Workspace.OpenRead(arguments.Path);
        using var reader = new StreamReader(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        var text = new StringBuilder();
        var (lines, returned, more) = (0, 0, false);
        try
        {
            while (await reader.ReadLineAsync(ct) is { } line)
            {
                lines++;
                if (lines < arguments.Offset) continue;
                more = more || returned == arguments.Limit || text.Length + line.Length > TextBytesMax;
                if (more) continue; // Counts the rest.
                text.Append(line).Append('\n');
                returned++;
            }
        }
        catch (DecoderFallbackException)
        {
            throw new ToolRefusedException(FailureClass.Unreadable, $"'{arguments.Path}' is not UTF-8 text; use documents.to_markdown for office files or shell.run for binary ones.");
        }
        var json = !more && arguments.Offset == 1 && arguments.Path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? Parsed(text.ToString()) : null;
        return Done(new { arguments.Path, Text = text.ToString(), Offset = arguments.Offset, Lines = returned, TotalLines = lines, More = more, Json = json });
    }

    private static System.Text.Json.JsonElement? Parsed(string text)
    {
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (System.Text.Json.JsonException)
        {
            return null; // The text is still there, and it shows what is wrong better than a refusal would.
        }
    }
}
