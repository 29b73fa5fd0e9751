using System.Globalization;
using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>A cell by row and column, both counted from 1.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct CellAddress(int Row, int Column)
{
    public const int RowMax = 1_048_576, ColumnMax = 16_384;

    public override string ToString() => $"{ColumnName(Column)}{Row}";

    /// <summary>Reads <c>B3</c> or <c>$B$3</c>.</summary>
    public static bool TryParse(string text, out CellAddress address)
    {
        address = default;
        var at = 0;
        if (at < text.Length && text[at] == '$') at++;
        int column = 0, letters = 0;
        for (; at < text.Length && char.IsAsciiLetter(text[at]) && letters < 4; at++, letters++) column = (column * 26) + char.ToUpperInvariant(text[at]) - 'A' + 1;
        if (letters is 0 or > 3) return false;
        if (at < text.Length && text[at] == '$') at++;
        if (!int.TryParse(text.AsSpan(at), NumberStyles.None, CultureInfo.InvariantCulture, out var row) || row is < 1 or > RowMax || column > ColumnMax) return false;
        address = new(row, column);
        return true;
    }

    public static string ColumnName(int column)
    {
        var name = "";
        for (; column > 0; column = (column - 1) / 26) name = (char)('A' + ((column - 1) % 26)) + name;
        return name;
    }
}

/// <summary>A rectangle of cells, both corners included.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct CellRange(CellAddress First, CellAddress Last)
{
    public int Rows => Last.Row - First.Row + 1;
    public int Columns => Last.Column - First.Column + 1;
    public long Count => (long)Rows * Columns;

    public IEnumerable<CellAddress> Cells
    {
        get
        {
            for (var row = First.Row; row <= Last.Row; row++)
            {
                for (var column = First.Column; column <= Last.Column; column++) yield return new(row, column);
            }
        }
    }

    /// <summary>With dollar signs, as charts want it.</summary>
    public string Absolute =>
        $"${CellAddress.ColumnName(First.Column)}${First.Row}" + (First == Last ? "" : $":${CellAddress.ColumnName(Last.Column)}${Last.Row}");

    /// <summary>Reads <c>A1:C9</c> or a single cell.</summary>
    public static bool TryParse(string text, out CellRange range)
    {
        range = default;
        var corners = text.Split(':');
        if (corners.Length > 2 || !CellAddress.TryParse(corners[0], out var a)) return false;
        var b = a;
        if (corners.Length == 2 && !CellAddress.TryParse(corners[1], out b)) return false;
        range = new(new(Math.Min(a.Row, b.Row), Math.Min(a.Column, b.Column)), new(Math.Max(a.Row, b.Row), Math.Max(a.Column, b.Column)));
        return true;
    }
}
