using AgentPlatform.ToolGateway.Sandbox;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

/// <summary>Where poppler's pdftotext is.</summary>
public sealed record PdfOptions
{
    /// <summary>Full path of the program; looked up among the system's programs when null.</summary>
    public string? Program { get; init; }

    /// <summary>Folders of its libraries, separated by colons, when it is not installed system-wide.</summary>
    public string? Libraries { get; init; }

    public TimeSpan DurationMax { get; init; } = TimeSpan.FromSeconds(60);
    public int TextBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>From <c>AGENTPLATFORM_PDFTOTEXT</c> and <c>AGENTPLATFORM_PDFTOTEXT_LIBRARIES</c>.</summary>
    public static PdfOptions FromEnvironment() => new()
    {
        Program = Environment.GetEnvironmentVariable("AGENTPLATFORM_PDFTOTEXT") is { Length: > 0 } program ? program : null,
        Libraries = Environment.GetEnvironmentVariable("AGENTPLATFORM_PDFTOTEXT_LIBRARIES") is { Length: > 0 } libraries ? libraries : null,
    };
}

/// <summary>Text of a PDF by pages. The parser is a large C++ program fed with foreign files, so it runs in the sandbox like any tool.</summary>
internal sealed class PdfToMarkdown(Confinement confinement, PdfOptions options)
{
    internal async Task Convert(string path, ToolCall call, MarkdownText markdown, CancellationToken ct)
    {
        var program = options.Program ?? Confinement.SearchPath.Split(':').Select(folder => Path.Combine(folder, "pdftotext")).FirstOrDefault(File.Exists);
        if (program is null || !File.Exists(program))
        {
            throw new ToolRefusedException(FailureClass.Unavailable,
                $"PDF files need pdftotext, which was not found{(program is null ? "" : $" at {program}")}. Install poppler-utils, or set AGENTPLATFORM_PDFTOTEXT to the program.");
        }
        var plan = SandboxPlan.Locked.Within(new() { Duration = options.DurationMax, OutputBytesKept = options.TextBytesMax }).Readable("/usr/share/poppler", program);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        if (options.Libraries is { } libraries)
        {
            plan = plan.Readable(libraries.Split(':', StringSplitOptions.RemoveEmptyEntries));
            environment["LD_LIBRARY_PATH"] = libraries;
        }
        var command = new SandboxCommand { Arguments = [program, "-layout", "-enc", "UTF-8", "-eol", "unix", $"./{path}", "-"], Workspace = call.Workspace, Environment = environment };
        switch (await confinement.Run(command, plan, ct))
        {
            case SandboxResult.Refused refused:
                throw new ToolRefusedException(FailureClass.SandboxLayer, refused.Reason);
            case SandboxResult.NotStarted notStarted:
                throw new ToolRefusedException(FailureClass.Unavailable, notStarted.Reason);
            case SandboxResult.Ended { End: SandboxEnd.Cancelled }:
                throw new OperationCanceledException(ct);
            case SandboxResult.Ended { End: SandboxEnd.TimedOut }:
                throw new ToolRefusedException(FailureClass.Timeout, $"pdftotext took longer than {options.DurationMax.TotalSeconds:0} s on '{path}'; split the file.");
            case SandboxResult.Ended { ExitCode: not 0 } ended:
                throw new ToolRefusedException(FailureClass.Unreadable, $"pdftotext could not read '{path}' (exit code {ended.ExitCode}): {ended.Errors.Text.Trim()}");
            case SandboxResult.Ended { Output.Truncated: true }:
                throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' holds more than {options.TextBytesMax} bytes of text; split it.");
            case SandboxResult.Ended ended:
                Write(ended.Output.Text, markdown);
                break;
        }
    }

    // One form feed ends each page. The layout is kept in a code block, because columns are told apart by spaces only.
    private static void Write(string text, MarkdownText markdown)
    {
        var pages = text.TrimEnd('\f', '\n').Split('\f');
        for (var i = 0; i < pages.Length; i++)
        {
            markdown.Block($"## Page {i + 1}");
            var page = string.Join('\n', pages[i].Split('\n').Select(line => line.TrimEnd())).Trim('\n');
            if (page.Length > 0) markdown.Block($"```text\n{page.Replace("```", "'''", StringComparison.Ordinal)}\n```");
            else markdown.Block("(no text on this page; it may be a scan)");
        }
    }
}
