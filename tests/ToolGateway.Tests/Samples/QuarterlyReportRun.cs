using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AgentPlatform.ToolGateway.Tests.Toolkits;
using AgentPlatform.ToolGateway.Toolkits;
using YamlDotNet.RepresentationModel;

namespace AgentPlatform.ToolGateway.Tests.Samples;

/// <summary>Runs the sample's plan with the tools alone: dependency order, task checks, and the scripted model's calls.</summary>
internal static partial class QuarterlyReportRun
{
    internal static async Task<IReadOnlyList<string>> Run(Bench bench)
    {
        foreach (var file in Directory.GetFiles(SampleFolder.Of("inputs"), "*", SearchOption.AllDirectories))
            await bench.Put(Path.GetRelativePath(SampleFolder.Of(), file), await File.ReadAllBytesAsync(file));

        var plan = (JsonObject)Load(SampleFolder.Of("plan.yaml"));
        var open = plan["tasks"]!.AsArray().Select(task => (JsonObject)task!).ToList();
        var done = new List<string>();
        while (open.Count > 0)
        {
            var ready = open.FirstOrDefault(task => (task["needs"] as JsonArray ?? []).All(need => done.Contains((string)need!)))
                ?? throw new InvalidOperationException("The plan has a cycle or an unknown dependency.");
            if (ready["tool"] is { } tool) await Call(bench, (string)tool["name"]!, tool["arguments"]!, (string)ready["id"]!);
            else await Converse(bench, (string)ready["agent"]!["model"]!);
            if (ready["checks"] is { } checks) await Call(bench, "checks.verify", new JsonObject { ["checks"] = checks.DeepClone() }, (string)ready["id"]!);
            done.Add((string)ready["id"]!);
            open.Remove(ready);
        }
        return done;
    }

    internal static JsonNode Load(string path)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(File.ReadAllText(path)));
        return Node(yaml.Documents[0].RootNode)!;
    }

    private static async Task Converse(Bench bench, string model)
    {
        var script = Load(SampleFolder.Of("models", model.Split('/')[1] + ".yaml"));
        Assert.Equal(model, (string)script["model"]!);
        var results = new List<JsonElement>();
        foreach (var turn in script["turns"]!.AsArray())
        {
            foreach (var call in turn!["calls"] as JsonArray ?? [])
                results.Add(await Call(bench, (string)call!["tool"]!, JsonNode.Parse(Fill(call["arguments"]!.ToJsonString(ToolJson.Options), results))!, "analysis"));
            if (turn["text"] is { } text) Assert.DoesNotContain("{{", Fill((string)text!, results), StringComparison.Ordinal);
        }
    }

    private static async Task<JsonElement> Call(Bench bench, string tool, JsonNode arguments, string task)
    {
        var output = await bench.Call(tool, JsonSerializer.SerializeToElement(arguments));
        Assert.True(output.Failure is null, $"{task}: {output.Failure?.Message} {output.Content}");
        return output.Content;
    }

    // Values land inside JSON texts here, so they are escaped as such.
    private static string Fill(string text, List<JsonElement> results) => Placeholder().Replace(text, match =>
    {
        var at = results[int.Parse(match.Groups["n"].Value, CultureInfo.InvariantCulture)];
        foreach (var step in Step().Matches(match.Groups["path"].Value).Select(step => step.Value))
            at = step[0] == '[' ? at[int.Parse(step[1..^1], CultureInfo.InvariantCulture)] : at.GetProperty(step);
        return at.ValueKind == JsonValueKind.String ? JsonSerializer.Serialize(at.GetString(), ToolJson.Options)[1..^1] : at.GetRawText();
    });

    private static JsonNode? Node(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(pair => KeyValuePair.Create(((YamlScalarNode)pair.Key).Value!, Node(pair.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(Node)]),
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: "true" or "false" } truth => JsonValue.Create(truth.Value == "true"),
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain } plain when decimal.TryParse(plain.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
        YamlScalarNode scalar => JsonValue.Create(scalar.Value),
        _ => null,
    };

    [GeneratedRegex(@"\{\{result (?<n>\d+) (?<path>[^}]*)\}\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"[A-Za-z_0-9]+(?!\])|\[\d+\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Step();
}
