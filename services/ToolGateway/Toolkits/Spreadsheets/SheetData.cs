using System.Globalization;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>A cell as read: its stored value (double, string, bool, DateTime or null), its formula, and the error it shows if it shows one.</summary>
public sealed record SheetCell(object? Value, string? Formula, string? Error)
{
    /// <summary>As a reader of a table would write it.</summary>
    public string Text => Error ?? Value switch
    {
        null => "",
        DateTime { TimeOfDay.Ticks: 0 } date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime moment => moment.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        // The conversion keeps 15 digits, as spreadsheets show them: 0.1 + 0.2 is 0.3 to a reader.
        double number when Math.Abs(number) is > 1e-15 and < 1e15 => ((decimal)number).ToString("0.###############", CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        bool truth => truth ? "TRUE" : "FALSE",
        var other => other.ToString()!,
    };

    /// <summary>The value in JSON terms: dates become ISO texts.</summary>
    public object? Json => Error ?? (Value is DateTime ? Text : Value);
}

/// <summary>One sheet: its cells, how far they reach, whether it shows charts.</summary>
public sealed record SheetData(string Name, IReadOnlyDictionary<CellAddress, SheetCell> Cells, CellRange? Used, int Charts);
