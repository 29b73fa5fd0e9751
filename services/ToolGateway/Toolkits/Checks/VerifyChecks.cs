using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Toolkits.Checks;

public sealed record VerifyArguments
{
    [Description("The checks; each object has exactly one member, the kind of check.")]
    public required CheckSpec[] Checks { get; init; }
}

/// <summary>One acceptance check; exactly one member is given. The same form stands under <c>checks:</c> in a plan.</summary>
public sealed record CheckSpec
{
    public FileExistsCheck? FileExists { get; init; }
    public FileContainsCheck? FileContains { get; init; }
    public JsonValueCheck? JsonValue { get; init; }
    public XlsxCellCheck? XlsxCell { get; init; }
    public Sha256Check? Sha256 { get; init; }
}

public sealed record FileExistsCheck
{
    public required string Path { get; init; }
    public long MinBytes { get; init; }
}

[Description("Give text (exact) or regex.")]
public sealed record FileContainsCheck
{
    public required string Path { get; init; }
    public string? Text { get; init; }
    public string? Regex { get; init; }
}

public sealed record JsonValueCheck
{
    public required string Path { get; init; }

    [Description("Where the value is, as a JSON pointer such as /totals/revenue.")]
    [JsonPropertyName("pointer")]
    public required string Place { get; init; }

    [JsonPropertyName("equals")] // Named otherwise here, because every object has an Equals.
    public required JsonElement Expected { get; init; }
    public double Tolerance { get; init; } = 1e-9;
}

public sealed record XlsxCellCheck
{
    public required string Path { get; init; }
    public string? Sheet { get; init; }
    public required string Cell { get; init; }
    [JsonPropertyName("equals")] // Named otherwise here, because every object has an Equals.
    public required JsonElement Expected { get; init; }
    public double Tolerance { get; init; } = 1e-9;
}

public sealed record Sha256Check
{
    public required string Path { get; init; }
    [JsonPropertyName("equals")] // Named otherwise here, because every object has an Equals.
    public required string Expected { get; init; }
}

/// <summary>Carries out acceptance checks. A check that cannot be made (no such file, not JSON) has failed: done means verified.</summary>
public sealed class VerifyChecks(DocumentOptions options) : Tool<VerifyArguments>
{
    private const int ChecksMax = 200;
    private const long TextBytesMax = 32 * 1024 * 1024;
    private static readonly TimeSpan RegexTimeout = TimeSpan.FromSeconds(2);

    public override ToolSpec Spec { get; } = new()
    {
        Server = "checks", Name = "verify", Version = "1", Title = "Verify results", ReadOnly = true, Idempotent = true, InputSchema = Schema,
        Description = "Checks files of the workspace: file_exists, file_contains, json_value, xlsx_cell, sha256. Each check passes or fails with evidence; the files looked at come back with their hashes.",
    };

    protected override async Task<ToolOutput> Run(VerifyArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (arguments.Checks.Length is 0 or > ChecksMax) throw new ToolRefusedException(FailureClass.InvalidArguments, $"Give 1 to {ChecksMax} checks.");
        var results = new List<CheckResult>();
        var files = new SortedDictionary<string, HashedFile>(StringComparer.Ordinal);
        foreach (var check in arguments.Checks)
        {
            ct.ThrowIfCancellationRequested();
            var (name, path, verify) = Read(check, call.Workspace, ct);
            try
            {
                var file = await call.Workspace.Hash(path, ct);
                files[file.Path] = file;
                var (passed, evidence) = await verify(file);
                results.Add(new(name, passed, evidence));
            }
            catch (Exception refusal) when (refusal is WorkspaceRefusedException { Kind: not RefusalKind.InvalidPath } or ToolRefusedException { Class: not FailureClass.InvalidArguments })
            {
                results.Add(new(name, Passed: false, refusal.Message));
            }
        }
        var failed = results.Count(result => !result.Passed);
        var output = Done(new { Passed = failed == 0, Checks = results }, files.Values);
        var first = results.FirstOrDefault(result => !result.Passed);
        return first is null ? output : output with { Failure = new(FailureClass.CheckFailed, $"{failed} of {results.Count} checks failed; first: {first.Check}: {first.Evidence}", Retryable: false) };
    }

    private (string Name, string Path, Func<HashedFile, Task<(bool, string)>> Verify) Read(CheckSpec check, Workspace workspace, CancellationToken ct)
    {
        object?[] given = [check.FileExists, check.FileContains, check.JsonValue, check.XlsxCell, check.Sha256];
        if (given.Count(item => item is not null) != 1) throw new ToolRefusedException(FailureClass.InvalidArguments, "Each check has exactly one of file_exists, file_contains, json_value, xlsx_cell, sha256.");
        if (check.FileExists is { } exists) return ($"file_exists {exists.Path}", exists.Path, file => Task.FromResult((file.Bytes >= exists.MinBytes, $"{file.Bytes} bytes, at least {exists.MinBytes} wanted")));
        if (check.Sha256 is { } hash) return ($"sha256 {hash.Path}", hash.Path, file => Task.FromResult((file.Sha256.Equals(hash.Expected, StringComparison.OrdinalIgnoreCase), $"sha256 is {file.Sha256}")));
        if (check.FileContains is { } contains) return ($"file_contains {contains.Path}: {contains.Text ?? contains.Regex}", contains.Path, _ => Contains(contains, workspace, ct));
        if (check.JsonValue is { } json) return ($"json_value {json.Path}{json.Place} = {json.Expected.GetRawText()}", json.Path, _ => HasValue(json, workspace, ct));
        var cell = check.XlsxCell!;
        return ($"xlsx_cell {cell.Path} {cell.Sheet}!{cell.Cell}", cell.Path, _ =>
        {
            var expected = new CellExpectation { Sheet = cell.Sheet, Cell = cell.Cell, Expected = cell.Expected, Tolerance = cell.Tolerance };
            var result = CheckXlsx.CheckCell(WorkbookReader.Read(workspace, cell.Path, options), cell.Path, expected);
            return Task.FromResult((result.Passed, $"{result.Evidence}, {cell.Expected.GetRawText()} wanted"));
        });
    }

    private static async Task<(bool, string)> Contains(FileContainsCheck check, Workspace workspace, CancellationToken ct)
    {
        if (check.Text is null == check.Regex is null) throw new ToolRefusedException(FailureClass.InvalidArguments, "file_contains has exactly one of text and regex.");
        var content = await workspace.ReadText(check.Path, TextBytesMax, ct);
        if (check.Text is { } text) return (content.Contains(text, StringComparison.Ordinal), content.Contains(text, StringComparison.Ordinal) ? "found" : "not found");
        try
        {
            var match = Regex.Match(content, check.Regex!, RegexOptions.Multiline, RegexTimeout);
            return (match.Success, match.Success ? $"found '{match.Value[..Math.Min(match.Length, 200)]}'" : "not found");
        }
        catch (RegexMatchTimeoutException)
        {
            return (false, "the pattern took too long; make it simpler");
        }
        catch (ArgumentException error)
        {
            throw new ToolRefusedException(FailureClass.InvalidArguments, $"'{check.Regex}' is not a regular expression: {error.Message}");
        }
    }

    private static async Task<(bool, string)> HasValue(JsonValueCheck check, Workspace workspace, CancellationToken ct)
    {
        JsonElement at;
        try
        {
            using var document = JsonDocument.Parse(await workspace.ReadText(check.Path, TextBytesMax, ct));
            at = document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            return (false, $"the file is not JSON: {error.Message}");
        }
        foreach (var step in check.Place.Split('/').Skip(1).Select(step => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)))
        {
            if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty(step, out var member)) at = member;
            else if (at.ValueKind == JsonValueKind.Array && int.TryParse(step, CultureInfo.InvariantCulture, out var index) && index >= 0 && index < at.GetArrayLength()) at = at[index];
            else return (false, $"there is no '{step}' on the way of {check.Place}");
        }
        var passed = at.ValueKind == JsonValueKind.Number && check.Expected.ValueKind == JsonValueKind.Number
            ? Math.Abs(at.GetDouble() - check.Expected.GetDouble()) <= check.Tolerance
            : JsonElement.DeepEquals(at, check.Expected);
        return (passed, $"found {at.GetRawText()}");
    }
}
