using AgentPlatform.AppHost.Commands;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Logs;

/// <summary>What the person at the terminal sees: our own words, and as much of the services' as was asked for, each line with its resource.</summary>
internal sealed class Terminal(TextWriter output, LogDetail detail, bool hasColour)
{
    private const int NameWidth = 14;

    // Readable on dark and light backgrounds; red and yellow are left to errors and warnings.
    private static readonly int[] Palette = [36, 32, 35, 34, 96, 92, 95, 94];

    private readonly Lock gate = new();
    private readonly Dictionary<string, int> colours = new(StringComparer.Ordinal);

    /// <summary>A plan's own output belongs on standard output alone; then we speak on standard error.</summary>
    public static Terminal Standard(LogDetail detail, bool isOutputOurs)
    {
        var isRedirected = isOutputOurs ? Console.IsOutputRedirected : Console.IsErrorRedirected;
        var wantsColour = Environment.GetEnvironmentVariable("NO_COLOR") is null or "";
        return new Terminal(isOutputOurs ? Console.Out : Console.Error, detail, hasColour: !isRedirected && wantsColour);
    }

    /// <summary>What went wrong, on standard error.</summary>
    public void Fail(string text)
    {
        lock (gate)
        {
            Console.Error.WriteLine(text);
        }
    }

    public void Say(string text)
    {
        lock (gate)
        {
            output.WriteLine(text);
        }
    }

    public void Show(string resource, OutputLine line)
    {
        if (LevelOf(line) > detail)
        {
            return;
        }

        lock (gate)
        {
            if (hasColour)
            {
                output.WriteLine($"\e[{ColourOf(resource)}m{resource,-NameWidth}\e[0m {line.Text}\e[0m");
            }
            else
            {
                output.WriteLine($"{resource,-NameWidth} {line.Text}");
            }
        }
    }

    /// <summary>The least detail at which a line is shown. .NET starts a line with its level, NATS brackets it, PostgreSQL has it after the time.</summary>
    internal static LogDetail LevelOf(OutputLine line)
    {
        var text = line.Text;
        if (StartsWithAny(text, "fail:", "crit:", "Unhandled exception") || ContainsAny(text, " [ERR] ", " [FTL] ", " ERROR: ", " FATAL: ", " PANIC: "))
        {
            return LogDetail.Error;
        }

        return StartsWithAny(text, "warn:", "[apphost]") || ContainsAny(text, " [WRN] ", " WARNING: ") ? LogDetail.Warning : LogDetail.All;
    }

    private static bool StartsWithAny(string text, params ReadOnlySpan<string> starts)
    {
        foreach (var start in starts)
        {
            if (text.StartsWith(start, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static bool ContainsAny(string text, params ReadOnlySpan<string> parts)
    {
        foreach (var part in parts)
        {
            if (text.Contains(part, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private int ColourOf(string resource)
    {
        if (!colours.TryGetValue(resource, out var colour))
        {
            colours[resource] = colour = Palette[colours.Count % Palette.Length];
        }

        return colour;
    }
}
