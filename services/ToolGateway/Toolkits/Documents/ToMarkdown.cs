using System.ComponentModel;
using System.Text.Json;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

public sealed record ToMarkdownArguments
{
    [Description("File to convert, relative to the workspace: .html, .docx, .xlsx, .csv, .tsv, .pdf, .md, .txt, .json.")]
    public required string Path { get; init; }

    [Description("Markdown file to write; beside the source, with .md added, when not given.")]
    public string? Output { get; init; }
}

/// <summary>Turns what users have into text that models read and reports cite. The front matter names the source and its hash.</summary>
public sealed class ToMarkdown(Confinement confinement, DocumentOptions options, PdfOptions pdf) : Tool<ToMarkdownArguments>
{
    private static readonly JsonSerializerOptions Readable = new(ToolJson.Options) { WriteIndented = true };
    private readonly PdfToMarkdown pdfToMarkdown = new(confinement, pdf);

    public override ToolSpec Spec { get; } = new()
    {
        Server = "documents", Name = "to_markdown", Version = "1", Title = "Convert to Markdown", Idempotent = true, InputSchema = Schema,
        Description = "Converts a document of the workspace to a Markdown file that begins with the source's name and SHA-256: HTML, Word, Excel, CSV and TSV, PDF, Markdown, text, JSON. Read the result with files.read.",
    };

    protected override async Task<ToolOutput> Run(ToMarkdownArguments arguments, ToolCall call, CancellationToken ct)
    {
        var source = await call.Workspace.Hash(arguments.Path, ct);
        var output = arguments.Output ?? arguments.Path + ".md";
        var format = Path.GetExtension(source.Path).ToLowerInvariant().TrimStart('.');
        var markdown = new MarkdownText();
        markdown.Line($"---\nsource: {JsonSerializer.Serialize(source.Path, ToolJson.Options)}\nsource_sha256: {source.Sha256}\nformat: {format}\n---");
        switch (format)
        {
            case "html" or "htm":
                HtmlToMarkdown.Convert(await Text(source.Path, call, ct), source.Path, options, markdown);
                break;
            case "docx":
                DocxToMarkdown.Convert(call.Workspace, source.Path, options, markdown);
                break;
            case "xlsx":
                XlsxToMarkdown.Convert(WorkbookReader.Read(call.Workspace, source.Path, options), markdown);
                break;
            case "csv" or "tsv":
                CsvToMarkdown.Convert(await Text(source.Path, call, ct), source.Path, options, markdown);
                break;
            case "pdf":
                await pdfToMarkdown.Convert(source.Path, call, markdown, ct);
                break;
            case "md" or "markdown" or "txt":
                markdown.Block(Normal(await Text(source.Path, call, ct)));
                break;
            case "json":
                markdown.Block($"```json\n{Indented(await Text(source.Path, call, ct), source.Path)}\n```");
                break;
            default:
                throw new ToolRefusedException(FailureClass.InvalidArguments, $"'.{format}' files are not converted; known are html, docx, xlsx, csv, tsv, pdf, md, txt, json.");
        }
        var written = await call.Workspace.WriteText(output, markdown.ToString(), ct);
        return Done(new { written.Path, written.Bytes, written.Sha256, Source = source.Path, SourceSha256 = source.Sha256, Format = format }, written);
    }

    private Task<string> Text(string path, ToolCall call, CancellationToken ct) => call.Workspace.ReadText(path, options.FileBytesMax, ct);

    private static string Normal(string text) => string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd()));

    private static string Indented(string text, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return JsonSerializer.Serialize(document, Readable);
        }
        catch (JsonException error)
        {
            throw OfficeInput.Unreadable(path, "JSON", error);
        }
    }
}
