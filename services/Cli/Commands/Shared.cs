using System.CommandLine;
using System.Text.Json;

namespace AgentPlatform.Cli.Commands;

/// <summary>What every command has: <c>--json</c>, <c>--data</c>, and one way to fail.</summary>
internal sealed class Shared
{
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON document to standard output", Recursive = true };
    private readonly Option<string?> _data = new("--data") { Description = "Data folder of the platform (AGENTPLATFORM_DATA)", Recursive = true };

    public void AddTo(Command root)
    {
        root.Options.Add(_json);
        root.Options.Add(_data);
    }

    public Command Action(Command command, Func<ParseResult, Platform, Say, CancellationToken, Task<int>> execute)
    {
        command.SetAction((parsed, ct) => Say.Guard(async () =>
        {
            using var platform = Platform.Find(parsed.GetValue(_data));
            try
            {
                return await execute(parsed, platform, new Say(parsed.GetValue(_json)), ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                Say.Progress("interrupted; what was started goes on");
                return 130;
            }
        }));
        return command;
    }
}

internal static class Arguments
{
    /// <summary>JSON in an option.</summary>
    public static JsonElement Json(string option, string text)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(text);
        }
        catch (JsonException e)
        {
            throw new CliException(ExitCode.WrongUse, $"{option} is no JSON: {e.Message}");
        }
    }

    /// <summary>An id that is checked before anything is asked.</summary>
    public static Argument<T> Id<T>(string name, string description)
        where T : struct, IParsable<T> => new(name)
        {
            Description = description,
            CustomParser = result =>
            {
                if (T.TryParse(result.Tokens.Single().Value, null, out var id))
                {
                    return id;
                }

                result.AddError($"'{result.Tokens.Single().Value}' is no id: ids look like 0199e0a4-0000-7000-8000-000000000000");
                return default;
            },
        };
}
