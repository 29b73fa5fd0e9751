using System.Globalization;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>Where a formula finds the cells it names. A null sheet is the formula's own.</summary>
internal interface ICellSource
{
    /// <summary>A number, a string, a bool, or null for an empty cell.</summary>
    object? Value(string? sheet, CellAddress address);
}

/// <summary>Thrown inside the evaluator for what it does not know; the caller then leaves the value to the viewer.</summary>
internal sealed class FormulaException(string message) : Exception(message);

/// <summary>
/// Computes the common part of the formula language: + - * / ^ &amp;, comparisons, percent, cells, ranges, SUM AVERAGE MIN MAX COUNT ROUND ABS IF.
/// Enough that a file is right in viewers that show stored values and never calculate.
/// </summary>
/// <remarks>Does not promise the rest of the language: an unknown function is reported as not computed, never guessed.</remarks>
internal sealed class Formula
{
    private const int DepthMax = 64, RangeCellsMax = 200_000;
    private readonly string text;
    private readonly ICellSource cells;
    private int at;
    private int depth;

    private Formula(string text, ICellSource cells) => (this.text, this.cells) = (text, cells);

    public static object? Evaluate(string formula, ICellSource cells)
    {
        var reader = new Formula(formula.TrimStart('='), cells);
        var value = reader.Comparison();
        reader.Spaces();
        if (reader.at < reader.text.Length) throw new FormulaException($"'{reader.text[reader.at]}' at position {reader.at + 1} is not understood");
        return value is Span span ? span.Single() : value;
    }

    /// <summary>A range on its way into a function.</summary>
    private sealed record Span(IReadOnlyList<object?> Values)
    {
        public object? Single() => Values.Count == 1 ? Values[0] : throw new FormulaException("a range stands where one value is wanted");
    }

    private object? Comparison()
    {
        if (++depth > DepthMax) throw new FormulaException("it is nested too deeply");
        var left = Text();
        while (true)
        {
            var sign = Take("<=", ">=", "<>", "<", ">", "=");
            if (sign is null)
            {
                depth--;
                return left;
            }
            var (a, b) = (Scalar(left), Scalar(Text()));
            var order = a is string || b is string ? string.Compare($"{a}", $"{b}", StringComparison.OrdinalIgnoreCase) : Number(a).CompareTo(Number(b));
            left = sign switch { "<=" => order <= 0, ">=" => order >= 0, "<>" => order != 0, "<" => order < 0, ">" => order > 0, _ => order == 0 };
        }
    }

    private object? Text()
    {
        var left = Sum();
        while (Take("&") is not null) left = string.Create(CultureInfo.InvariantCulture, $"{Scalar(left)}{Scalar(Sum())}");
        return left;
    }

    private object? Sum()
    {
        var left = Product();
        while (Take("+", "-") is { } sign) left = sign == "+" ? Number(left) + Number(Product()) : Number(left) - Number(Product());
        return left;
    }

    private object? Product()
    {
        var left = Power();
        while (Take("*", "/") is { } sign)
        {
            var (a, b) = (Number(left), Number(Power()));
            if (sign == "/" && b == 0) throw new FormulaException("it divides by zero");
            left = sign == "*" ? a * b : a / b;
        }
        return left;
    }

    private object? Power()
    {
        var left = Unary();
        while (Take("^") is not null) left = Math.Pow(Number(left), Number(Unary()));
        return left;
    }

    private object? Unary()
    {
        if (Take("-") is not null) return -Number(Unary());
        if (Take("+") is not null) return Unary();
        var value = Primary();
        while (Take("%") is not null) value = Number(value) / 100;
        return value;
    }

    private object? Primary()
    {
        Spaces();
        if (at >= text.Length) throw new FormulaException("it ends too early");
        if (Take("(") is not null)
        {
            var inner = Comparison();
            Expect(")");
            return inner;
        }
        if (text[at] == '"') return Quoted('"');
        if (char.IsAsciiDigit(text[at]) || text[at] == '.') return Literal();
        return Named();
    }

    private object? Named()
    {
        var sheet = text[at] == '\'' ? Quoted('\'') : null;
        var name = sheet is null ? Word() : "";
        if (Take("!") is not null)
        {
            sheet ??= name;
            name = Word();
        }
        else if (sheet is not null)
        {
            throw new FormulaException("a quoted sheet name is not followed by '!'");
        }
        if (sheet is null && Take("(") is not null) return Function(name.ToUpperInvariant());
        if (sheet is null && name.ToUpperInvariant() is "TRUE" or "FALSE") return name.Equals("TRUE", StringComparison.OrdinalIgnoreCase);
        if (!CellAddress.TryParse(name, out var first)) throw new FormulaException($"the name '{name}' is not known");
        if (Take(":") is null) return cells.Value(sheet, first);
        if (!CellRange.TryParse($"{name}:{Word()}", out var range)) throw new FormulaException($"the range from {name} is not understood");
        if (range.Count > RangeCellsMax) throw new FormulaException($"a range has more than {RangeCellsMax} cells");
        return new Span([.. range.Cells.Select(cell => cells.Value(sheet, cell))]);
    }

    private object? Function(string name)
    {
        var arguments = new List<object?>();
        if (Take(")") is null)
        {
            do arguments.Add(Comparison());
            while (Take(",", ";") is not null);
            Expect(")");
        }
        var numbers = () => arguments.SelectMany(argument => argument is Span span ? span.Values.Where(value => value is double) : [(object)Number(argument)]).Cast<double>().ToList();
        return name switch
        {
            "SUM" => numbers().Sum(),
            "AVERAGE" => numbers() is { Count: > 0 } all ? all.Average() : throw new FormulaException("AVERAGE has no numbers"),
            "MIN" => numbers().DefaultIfEmpty(0).Min(),
            "MAX" => numbers().DefaultIfEmpty(0).Max(),
            "COUNT" => (double)numbers().Count,
            "ABS" when arguments.Count == 1 => Math.Abs(Number(arguments[0])),
            "ROUND" when arguments.Count == 2 => Rounded(Number(arguments[0]), (int)Number(arguments[1])),
            "IF" when arguments.Count is 2 or 3 => Truth(arguments[0]) ? Scalar(arguments[1]) : arguments.Count == 3 ? Scalar(arguments[2]) : false,
            _ => throw new FormulaException($"the function {name} with {arguments.Count} arguments is not computed here"),
        };
    }

    // Spreadsheets round halves away from zero, on the decimal value that is shown.
    private static double Rounded(double value, int digits) => digits is >= 0 and <= 15 && Math.Abs(value) < 1e12
        ? (double)Math.Round((decimal)value, digits, MidpointRounding.AwayFromZero)
        : throw new FormulaException("ROUND is computed here for 0 to 15 digits");

    private static object? Scalar(object? value) => value is Span span ? span.Single() : value;

    private static bool Truth(object? value) => Scalar(value) is bool truth ? truth : Number(value) != 0;

    private static double Number(object? value) => Scalar(value) switch
    {
        double number => number,
        null => 0,
        bool truth => truth ? 1 : 0,
        var other => throw new FormulaException($"'{other}' is not a number"),
    };

    private double Literal()
    {
        var start = at;
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.' || IsExponent())) at++;
        return double.TryParse(text.AsSpan(start, at - start), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormulaException($"'{text[start..at]}' is not a number");

        bool IsExponent() => text[at] is 'e' or 'E' || (text[at] is '+' or '-' && text[at - 1] is 'e' or 'E' && at > start);
    }

    private string Quoted(char mark)
    {
        var value = new System.Text.StringBuilder();
        for (at++; at < text.Length; at++)
        {
            if (text[at] != mark) value.Append(text[at]);
            else if (at + 1 < text.Length && text[at + 1] == mark) value.Append(text[at++]); // A doubled mark stands for itself.
            else
            {
                at++;
                return value.ToString();
            }
        }
        throw new FormulaException("a quoted text does not end");
    }

    private string Word()
    {
        Spaces();
        var start = at;
        while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] is '_' or '$' or '.')) at++;
        return at > start ? text[start..at] : throw new FormulaException($"'{text[Math.Min(at, text.Length - 1)]}' at position {at + 1} is not understood");
    }

    private string? Take(params ReadOnlySpan<string> signs)
    {
        Spaces();
        foreach (var sign in signs)
        {
            if (!text.AsSpan(at).StartsWith(sign, StringComparison.Ordinal)) continue;
            at += sign.Length;
            return sign;
        }
        return null;
    }

    private void Expect(string sign)
    {
        if (Take(sign) is null) throw new FormulaException($"'{sign}' is missing at position {at + 1}");
    }

    private void Spaces()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
    }
}
