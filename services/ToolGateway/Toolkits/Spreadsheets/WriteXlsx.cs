using System.ComponentModel;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

public sealed record WriteXlsxArguments
{
    [Description("Workbook to write, relative to the workspace, ending in .xlsx.")]
    public required string Path { get; init; }

    [Description("The workbook. Give either this or spec_path.")]
    public WorkbookSpec? Spec { get; init; }

    [Description("A JSON file of the workspace that holds the workbook in the same form.")]
    public string? SpecPath { get; init; }
}

public sealed class WriteXlsx(DocumentOptions options) : Tool<WriteXlsxArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "documents", Name = "write_xlsx", Version = "1", Title = "Write a workbook", Idempotent = true, InputSchema = Schema,
        Description = "Writes an Excel workbook with sheets, number formats, formulas (with their computed values) and bar, line and pie charts. Returns which formulas could not be " +
            "computed here; those are computed when the file is opened.",
    };

    protected override async Task<ToolOutput> Run(WriteXlsxArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (!arguments.Path.EndsWith(".xlsx", StringComparison.OrdinalIgnoreCase)) throw WorkbookModel.Bad("its path does not end in .xlsx");
        var model = WorkbookModel.Build(await SpecFile.Resolve(arguments.Spec, arguments.SpecPath, call, ct), options);
        var bytes = WorkbookWriter.Write(model);
        var written = await call.Workspace.WriteAtomic(arguments.Path, stream => stream.WriteAsync(bytes, ct).AsTask(), ct);
        return Done(
            new
            {
                written.Path,
                written.Bytes,
                written.Sha256,
                Sheets = model.Spec.Sheets.Select(sheet => sheet.Name),
                Cells = model.Sheets.Sum(sheet => sheet.Value.Count),
                Charts = model.Spec.Sheets.Sum(sheet => sheet.Charts?.Length ?? 0),
                model.NotComputed,
            },
            written);
    }
}
