using System.CommandLine;
using System.Text.Json;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl models …</c>: which models there are, who provides them, what they were used for.</summary>
internal static class ModelCommands
{
    private const int KeyLengthMax = 4096;

    public static Command Models(Shared shared)
    {
        var models = new Command("models", "Models, who provides them, and what they were used for");
        var name = new Argument<string>("name") { Description = "Name of the provider: the part of a model's id before the slash" };
        models.Add(shared.Action(new Command("list", "Every model and route that can be called"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.ListModels(ct), all => Say.Table(["model", "of"], all.GetProperty("data").EnumerateArray().Select(m => new[] { m.Text("id"), m.Text("owned_by") })));
            return ExitCode.Done;
        }));
        models.Add(shared.Action(new Command("providers", "The providers; keys are shown as fingerprints"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.ListProviders(ct), all => Show(all.GetProperty("providers").EnumerateArray()));
            return ExitCode.Done;
        }));
        models.Add(Add(shared, name));
        models.Add(Test(shared, name));
        models.Add(shared.Action(new Command("remove", "Take a provider away, and its sealed key") { name }, async (parsed, platform, say, ct) =>
        {
            await platform.ModelFabric.RemoveProvider(parsed.GetRequiredValue(name), ct);
            say.Answer(new { removed = parsed.GetRequiredValue(name) }, gone => Console.Out.WriteLine($"{gone.removed} is taken away"));
            return ExitCode.Done;
        }));
        models.Add(Usage(shared));
        return models;
    }

    private static Command Add(Shared shared, Argument<string> name)
    {
        var preset = new Option<string?>("--preset") { Description = "A provider known by name, such as openai, anthropic, gemini, ollama or groq" };
        var kind = new Option<string?>("--kind") { Description = "Its wire format where no preset says it: openai, anthropic or gemini" };
        var url = new Option<string?>("--base-url") { Description = "Where it is; a preset may know" };
        var models = new Option<string[]>("--model") { Description = "A model to offer; none lets the provider decide" };
        var keyFile = new Option<FileInfo?>("--key-file") { Description = "A file that holds the key and nothing else" };
        var keyInput = new Option<bool>("--key-stdin") { Description = "Read the key from standard input; a key has no place on a command line" };
        var remote = new Option<bool>("--allow-remote") { Description = "Agree that requests leave this machine" };
        var most = new Option<int?>("--concurrent-calls-max") { Description = "How many calls it bears at the same time" };
        var minute = new Option<int?>("--calls-per-minute-max") { Description = "How many calls to it may begin within any minute" };
        return shared.Action(new Command("add", "Add or change a provider; without a key the stored one stays") { name, preset, kind, url, models, keyFile, keyInput, remote, most, minute }, async (parsed, platform, say, ct) =>
        {
            if (parsed.GetValue(preset) is null && parsed.GetValue(kind) is null)
            {
                throw new CliException(ExitCode.WrongUse, "Give --preset or --kind");
            }

            var set = await platform.ModelFabric.SetProvider(
                parsed.GetRequiredValue(name),
                new
                {
                    kind = parsed.GetValue(kind), preset = parsed.GetValue(preset), baseUrl = parsed.GetValue(url), models = parsed.GetValue(models) is { Length: > 0 } named ? named : null,
                    key = await Key(parsed.GetValue(keyFile), parsed.GetValue(keyInput), ct), allowRemote = parsed.GetValue(remote), concurrentCallsMax = parsed.GetValue(most), callsPerMinuteMax = parsed.GetValue(minute),
                },
                ct);
            say.Answer(set, provider => Show([provider]));
            return ExitCode.Done;
        });
    }

    private static Command Test(Shared shared, Argument<string> name)
    {
        var model = new Option<string?>("--model") { Description = "Which of its models; the first it declares when absent" };
        return shared.Action(new Command("test", "Three small calls, at the provider's price: answer, tool call, stream. Ends with 1 when one of them fails") { name, model }, async (parsed, platform, say, ct) =>
        {
            var tested = await platform.ModelFabric.TestProvider(parsed.GetRequiredValue(name), new { model = parsed.GetValue(model) }, ct);
            say.Answer(tested, t => Say.Table(["check", "ok", "ms", "what was seen"], t.GetProperty("checks").EnumerateArray().Select(c => new[]
            {
                c.Text("check"), c.GetProperty("ok").GetBoolean() ? "yes" : "no", $"{c.GetProperty("milliseconds").GetDouble():0}", c.Text("detail"),
            })));
            return tested.GetProperty("ok").GetBoolean() ? ExitCode.Done : ExitCode.Failed;
        });
    }

    private static Command Usage(Shared shared)
    {
        var by = new Option<string?>("--by") { Description = "What to keep apart: run, principal, provider, model, day; several with commas", DefaultValueFactory = _ => "provider,model" };
        var from = new Option<string?>("--from") { Description = "The first day (UTC), such as 2026-11-01; 30 days ago when absent" };
        var to = new Option<string?>("--to") { Description = "The last day; today when absent" };
        return shared.Action(new Command("usage", "What models were used for, in tokens and money") { by, from, to }, async (parsed, platform, say, ct) =>
        {
            var usage = await platform.ModelFabric.Usage(parsed.GetValue(by), parsed.GetValue(from), parsed.GetValue(to), ct);
            say.Answer(usage, u => Say.Table(["of", "calls", "failed", "in", "cached", "out", "money", "without price"], u.GetProperty("usage").EnumerateArray().Select(s => new[]
            {
                string.Join(' ', s.GetProperty("of").EnumerateObject().Select(part => part.Value.ToString())), s.Text("calls"), s.Text("failed"), s.Text("inputTokens"), s.Text("cachedTokens"),
                s.Text("outputTokens"), s.Text("money"), s.Text("unpriced"),
            })));
            return ExitCode.Done;
        });
    }

    private static void Show(IEnumerable<JsonElement> providers) =>
        Say.Table(["provider", "kind", "address", "models", "leaves the machine", "key"], providers.Select(p => new[]
        {
            p.Text("name"), p.Text("preset") is { Length: > 0 } preset ? preset : p.Text("kind"), p.Text("baseUrl"),
            p.GetProperty("models") is var models && models.GetArrayLength() == 0 ? "any" : string.Join(", ", models.EnumerateArray().Select(m => m.GetString())),
            p.GetProperty("allowRemote").GetBoolean() ? "yes" : "no", p.Text("keyFingerprint") is { Length: > 0 } fingerprint ? fingerprint : "-",
        }));

    private static async Task<string?> Key(FileInfo? file, bool input, CancellationToken ct)
    {
        if (file is not null && input)
        {
            throw new CliException(ExitCode.WrongUse, "--key-file and --key-stdin exclude each other");
        }

        if (file is { Exists: false })
        {
            throw new CliException(ExitCode.WrongUse, $"There is no file {file}");
        }

        var text = file is not null ? await File.ReadAllTextAsync(file.FullName, ct) : input ? await Console.In.ReadToEndAsync(ct) : null;
        return text?.Trim() switch
        {
            null => null,
            { Length: > 0 and <= KeyLengthMax } key => key,
            _ => throw new CliException(ExitCode.WrongUse, $"A key has 1 to {KeyLengthMax} characters"),
        };
    }
}

/// <summary>Documents whose shape a service owns.</summary>
internal static class Documents
{
    /// <summary>A property as text; empty when it is not there.</summary>
    public static string Text(this JsonElement document, string name) => document.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.ToString() : "";
}
