using System.ComponentModel;
using System.Text.RegularExpressions;

namespace AgentPlatform.ToolGateway.Toolkits.Files;

public sealed record SearchFilesArguments
{
    [Description("Regular expression (.NET syntax), applied to each line.")]
    public required string Pattern { get; init; }

    [Description("Which files: a glob relative to the workspace.")]
    public string Glob { get; init; } = "**/*";

    [Description("Ignore upper and lower case.")]
    public bool IgnoreCase { get; init; }

    [Description("Most matching lines to return.")]
    public int Limit { get; init; } = 100;
}

/// <summary>Searches text files line by line. The pattern comes from a model, so its time per line is bounded.</summary>
public sealed class SearchFiles : Tool<SearchFilesArguments>
{
    private const int FilesMax = 5000, MatchesMax = 2000, LineCharsMax = 400;
    private const long FileBytesMax = 8 * 1024 * 1024;
    private static readonly TimeSpan LineTimeout = TimeSpan.FromMilliseconds(250);

    public override ToolSpec Spec { get; } = new()
    {
        Server = "files", Name = "search", Version = "1", Title = "Search in files", ReadOnly = true, Idempotent = true, InputSchema = Schema, ContentArguments = ["pattern"],
        Description = "Finds lines that match a regular expression in the text files of the workspace. Returns path, line number and line; binary and very large files are skipped and counted.",
    };

    protected override async Task<ToolOutput> Run(SearchFilesArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (arguments.Limit is < 1 or > MatchesMax) throw new ToolRefusedException(FailureClass.InvalidArguments, $"limit must be between 1 and {MatchesMax}.");
        var pattern = Compile(arguments);
        var matches = new List<object>();
        var skipped = 0;
        foreach (var file in call.Workspace.List(arguments.Glob, FilesMax).Files)
        {
            ct.ThrowIfCancellationRequested();
            if (file.Bytes > FileBytesMax)
            {
                skipped++;
                continue;
            }
            var text = await call.Workspace.ReadText(file.Path, FileBytesMax, ct);
            if (text.Contains('\0', StringComparison.Ordinal))
            {
                skipped++;
                continue;
            }
            var number = 0;
            foreach (var line in text.AsSpan().EnumerateLines())
            {
                number++;
                if (!Matches(pattern, line)) continue;
                if (matches.Count == arguments.Limit) return Done(new { Matches = matches, More = true, Skipped = skipped });
                matches.Add(new { file.Path, Line = number, Text = line[..Math.Min(line.Length, LineCharsMax)].ToString() });
            }
        }
        return Done(new { Matches = matches, More = false, Skipped = skipped });
    }

    private static Regex Compile(SearchFilesArguments arguments)
    {
        try
        {
            return new Regex(arguments.Pattern, arguments.IgnoreCase ? RegexOptions.IgnoreCase : RegexOptions.None, LineTimeout);
        }
        catch (ArgumentException error)
        {
            throw new ToolRefusedException(FailureClass.InvalidArguments, $"The pattern is not a regular expression: {error.Message}");
        }
    }

    private static bool Matches(Regex pattern, ReadOnlySpan<char> line)
    {
        try
        {
            return pattern.IsMatch(line);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new ToolRefusedException(FailureClass.Timeout, "The pattern takes too long on a line (nested repetitions?); make it simpler.");
        }
    }
}
