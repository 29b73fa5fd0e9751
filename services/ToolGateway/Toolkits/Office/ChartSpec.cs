namespace AgentPlatform.ToolGateway.Toolkits.Office;

public enum ChartKind
{
    Bar,
    Line,
    Pie,
}

/// <summary>A chart ready to be drawn: names, values, and the ranges they came from.</summary>
internal sealed record ChartData(ChartKind Kind, string? Title, ChartRange? Categories, IReadOnlyList<ChartSeries> Series, string? Format);

/// <summary>Texts of a chart axis and the sheet range they live in.</summary>
internal sealed record ChartRange(string Reference, IReadOnlyList<string> Texts);

/// <summary>One line, one colour of bars, or the pie: values with their sheet range. A gap is null.</summary>
internal sealed record ChartSeries(string Name, string? NameReference, string Reference, IReadOnlyList<double?> Values);
