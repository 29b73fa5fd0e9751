using System.Text.Json;
using AgentPlatform.Contracts;
using RestEase;
using Spectre.Console;

namespace AgentPlatform.Cli;

/// <summary>Answers go to standard output, progress and errors to standard error; with <c>--json</c> the answer is one JSON document.</summary>
public sealed class Say(bool json)
{
    internal static JsonSerializerOptions Indented { get; } = new(ContractJson.Options) { WriteIndented = true };

    public bool IsJson { get; } = json;

    public static IAnsiConsole Error { get; } = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>The answer: as JSON, or in the words given.</summary>
    public void Answer<T>(T answer, Action<T> inWords)
    {
        if (IsJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(answer, Indented));
        }
        else
        {
            inWords(answer);
        }
    }

    /// <summary>A table on a terminal, tab-separated lines elsewhere.</summary>
    public static void Table(IReadOnlyList<string> columns, IEnumerable<string[]> rows)
    {
        if (Console.IsOutputRedirected)
        {
            foreach (var row in rows)
            {
                Console.Out.WriteLine(string.Join('\t', row));
            }

            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        foreach (var column in columns)
        {
            table.AddColumn(column);
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(Markup.Escape).ToArray());
        }

        AnsiConsole.Write(table);
    }

    public static void Progress(string line) => Console.Error.WriteLine(line);

    /// <summary>Runs a command and turns what went wrong into a message and an exit code.</summary>
    public static async Task<int> Guard(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (CliException e)
        {
            Console.Error.WriteLine($"error: {e.Message}");
            return e.ExitCode;
        }
        catch (ApiException e)
        {
            Console.Error.WriteLine($"error: {Problem(e)}");
            return (int)e.StatusCode is 400 or 404 or 409 or 413 or 422 ? ExitCode.WrongUse : (int)e.StatusCode is 401 or 403 or >= 500 ? ExitCode.Unreachable : ExitCode.Failed;
        }
        catch (HttpRequestException e)
        {
            Console.Error.WriteLine($"error: The platform does not answer ({e.Message}). Start it with 'dotnet run --project AppHost'");
            return ExitCode.Unreachable;
        }
    }

    private static string Problem(ApiException e)
    {
        try
        {
            var problem = JsonSerializer.Deserialize<JsonElement>(e.Content ?? "{}");
            if (problem.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 1)
            {
                return string.Join(Environment.NewLine + "       ", errors.EnumerateArray().Select(x => x.GetString()));
            }

            return problem.TryGetProperty("detail", out var detail) && detail.GetString() is { } text ? text : $"{(int)e.StatusCode} {e.ReasonPhrase}";
        }
        catch (JsonException)
        {
            return $"{(int)e.StatusCode} {e.ReasonPhrase}";
        }
    }
}
