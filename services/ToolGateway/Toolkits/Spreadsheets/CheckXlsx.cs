using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

public sealed record CheckXlsxArguments
{
    [Description("Workbook to check, relative to the workspace.")]
    public required string Path { get; init; }

    [Description("Cells and the values they must show.")]
    public CellExpectation[] Cells { get; init; } = [];

    [Description("At least this many charts over all sheets.")]
    public int ChartsMin { get; init; }

    [Description("Compute every formula again from the stored cells and compare with its stored value.")]
    public bool Formulas { get; init; } = true;
}

public sealed record CellExpectation
{
    public string? Sheet { get; init; }

    [Description("A cell such as B7.")]
    public required string Cell { get; init; }

    [Description("A number, text, boolean, or null for an empty cell.")]
    [JsonPropertyName("equals")] // Named otherwise here, because every object has an Equals.
    public required JsonElement Expected { get; init; }

    [Description("Numbers may differ by this much.")]
    public double Tolerance { get; init; } = 1e-9;
}

/// <summary>One thing looked at: what was expected and what was found.</summary>
public sealed record CheckResult(string Check, bool Passed, string Evidence);

public sealed class CheckXlsx(DocumentOptions options) : Tool<CheckXlsxArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "documents", Name = "check_xlsx", Version = "1", Title = "Check a workbook", ReadOnly = true, Idempotent = true, InputSchema = Schema,
        Description = "Checks that a workbook can be opened, that cells show the expected values, that it has charts, and that stored formula results agree with the cells they are computed from.",
    };

    protected override async Task<ToolOutput> Run(CheckXlsxArguments arguments, ToolCall call, CancellationToken ct)
    {
        var file = await call.Workspace.Hash(arguments.Path, ct);
        var sheets = WorkbookReader.Read(call.Workspace, arguments.Path, options);
        var results = new List<CheckResult>();
        results.AddRange(arguments.Cells.Select(cell => CheckCell(sheets, arguments.Path, cell)));
        var charts = sheets.Sum(sheet => sheet.Charts);
        if (arguments.ChartsMin > 0) results.Add(new($"at least {arguments.ChartsMin} charts", charts >= arguments.ChartsMin, $"{charts} charts"));
        if (arguments.Formulas) results.AddRange(CheckFormulas(sheets));
        var failed = results.Count(result => !result.Passed);
        var output = Done(new { Passed = failed == 0, Checks = results }, file);
        return failed == 0 ? output : output with { Failure = new(FailureClass.CheckFailed, $"{failed} of {results.Count} checks of '{arguments.Path}' failed; the evidence says how.", Retryable: false) };
    }

    internal static CheckResult CheckCell(IReadOnlyList<SheetData> sheets, string path, CellExpectation expected)
    {
        if (!CellAddress.TryParse(expected.Cell, out var address)) throw new ToolRefusedException(FailureClass.InvalidArguments, $"'{expected.Cell}' is not a cell such as B7.");
        var sheet = sheets.Sheet(expected.Sheet, path);
        var found = sheet.Cells.GetValueOrDefault(address);
        var wanted = expected.Expected;
        var passed = (wanted.ValueKind, found?.Json) switch
        {
            (JsonValueKind.Number, double number) => Math.Abs(number - wanted.GetDouble()) <= expected.Tolerance,
            (JsonValueKind.String, string text) => text == wanted.GetString(),
            (JsonValueKind.True, true) or (JsonValueKind.False, false) or (JsonValueKind.Null, null) => true,
            _ => false,
        };
        return new($"{sheet.Name}!{address} = {wanted.GetRawText()}", passed, $"found {(found is null ? "an empty cell" : $"'{found.Text}'")}");
    }

    private static IEnumerable<CheckResult> CheckFormulas(IReadOnlyList<SheetData> sheets)
    {
        var (agreeing, unknown) = (0, 0);
        foreach (var sheet in sheets)
        {
            foreach (var (address, cell) in sheet.Cells.Where(cell => cell.Value.Formula is not null).OrderBy(cell => cell.Key.Row).ThenBy(cell => cell.Key.Column))
            {
                object? computed;
                try
                {
                    computed = Formula.Evaluate(cell.Formula!, new StoredCells(sheets, sheet));
                }
                catch (FormulaException)
                {
                    unknown++; // Beyond our evaluator: nothing is claimed about it, and the count says so.
                    continue;
                }
                if (Agree(cell, computed)) agreeing++;
                else yield return new($"{sheet.Name}!{address} = {cell.Formula}", Passed: false, string.Create(CultureInfo.InvariantCulture, $"stored '{cell.Text}', computed '{computed}'"));
            }
        }
        yield return new("formula results agree with their cells", Passed: true, $"{agreeing} agree, {unknown} could not be computed here");
    }

    private static bool Agree(SheetCell cell, object? computed) => (computed, cell.Value) switch
    {
        (double a, double b) => Math.Abs(a - b) <= 1e-9 * Math.Max(1, Math.Abs(a)),
        (double a, DateTime b) => Math.Abs(a - WorkbookModel.Serial(b)) < 1e-5,
        (string a, string b) => a == b,
        (bool a, bool b) => a == b,
        (null, null) => true,
        _ => false,
    };

    private sealed class StoredCells(IReadOnlyList<SheetData> sheets, SheetData own) : ICellSource
    {
        public object? Value(string? sheet, CellAddress address)
        {
            var data = sheet is null ? own : sheets.FirstOrDefault(item => item.Name.Equals(sheet, StringComparison.OrdinalIgnoreCase)) ?? throw new FormulaException($"there is no sheet '{sheet}'");
            var cell = data.Cells.GetValueOrDefault(address);
            if (cell?.Error is { } error) throw new FormulaException($"{address} shows {error}");
            return cell?.Value is DateTime date ? WorkbookModel.Serial(date) : cell?.Value;
        }
    }
}
