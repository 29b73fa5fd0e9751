using System.ComponentModel;
using System.Text.Json;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Presentations;

/// <summary>A presentation as a model or a script writes it down.</summary>
public sealed record DeckSpec
{
    [Description("The slides, in order. One with a subtitle is a title slide.")]
    public required SlideSpec[] Slides { get; init; }
}

public sealed record SlideSpec
{
    public required string Title { get; init; }

    [Description("Makes this a title slide.")]
    public string? Subtitle { get; init; }

    [Description("Texts, or objects {text, bullets} for points with points beneath them.")]
    public JsonElement[]? Bullets { get; init; }

    public DeckTableSpec? Table { get; init; }
    public DeckChartSpec? Chart { get; init; }

    [Description("What the speaker says; shown to the speaker only.")]
    public string? Notes { get; init; }
}

public sealed record DeckTableSpec
{
    public required string[] Header { get; init; }

    [Description("Texts and numbers.")]
    public required JsonElement[][] Rows { get; init; }
}

public sealed record DeckChartSpec
{
    public ChartKind Type { get; init; } = ChartKind.Bar;
    public string? Title { get; init; }
    public required string[] Categories { get; init; }

    [Description("One or more series with a value per category; a pie has one.")]
    public required DeckSeriesSpec[] Series { get; init; }

    [Description("Number format of the values, such as #,##0.")]
    public string? Format { get; init; }
}

public sealed record DeckSeriesSpec
{
    public required string Name { get; init; }
    public required double[] Values { get; init; }
}
