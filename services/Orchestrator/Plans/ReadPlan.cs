using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using NJsonSchema;
using NJsonSchema.Validation;

namespace AgentPlatform.Orchestrator.Plans;

/// <summary>Reads a plan from what a caller sent, and checks its form against <c>plan.schema.json</c>.</summary>
public static class ReadPlan
{
    /// <summary>Size of the plan's text.</summary>
    public const int CharactersMax = 1024 * 1024;

    private static readonly Lazy<JsonSchema> Form = new(() =>
    {
        using var stream = typeof(ReadPlan).Assembly.GetManifestResourceStream("plan.schema.json") ?? throw new InvalidOperationException("plan.schema.json is missing from the build");
        using var reader = new StreamReader(stream);
        return JsonSchema.FromJsonAsync(reader.ReadToEnd()).GetAwaiter().GetResult();
    });

    /// <param name="sent">A JSON object, or a string that holds YAML or JSON.</param>
    /// <exception cref="InvalidPlanException">Says what is wrong, all at once.</exception>
    public static Plan From(JsonElement sent)
    {
        if (sent.ValueKind is not (JsonValueKind.Object or JsonValueKind.String))
        {
            throw new InvalidPlanException($"'plan' is a JSON object or a string that holds YAML or JSON, not a {sent.ValueKind.ToString().ToLowerInvariant()}");
        }

        var text = sent.ValueKind == JsonValueKind.String ? sent.GetString()! : sent.GetRawText();
        if (text.Length > CharactersMax)
        {
            throw new InvalidPlanException($"The plan has {text.Length} characters; {CharactersMax} are allowed. Move large texts into input files");
        }

        var json = sent.ValueKind == JsonValueKind.String ? Yaml(text) : Parse(text);
        if (json is not JsonObject plan)
        {
            throw new InvalidPlanException("A plan is a mapping with 'name' and 'tasks'");
        }

        try
        {
            var errors = Form.Value.Validate(plan.ToJsonString()).SelectMany(e => Explain(e, plan)).Distinct(StringComparer.Ordinal).Take(50).ToList();
            return errors.Count > 0 ? throw new InvalidPlanException(errors) : plan.Deserialize<Plan>(ContractJson.Options)!;
        }
        catch (Exception e) when (e is JsonException or Newtonsoft.Json.JsonException)
        {
            // What a schema cannot say, such as a number that is larger than any number.
            throw new InvalidPlanException($"The plan holds a value that cannot be read: {e.Message}");
        }
    }

    private static JsonNode? Yaml(string text)
    {
        try
        {
            return YamlToJson.Read(text, "plan");
        }
        catch (InvalidYamlException e)
        {
            throw new InvalidPlanException(e.Message);
        }
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new InvalidPlanException($"The plan is no valid JSON: {e.Message}");
        }
    }

    private static IEnumerable<string> Explain(ValidationError error, JsonObject plan)
    {
        var where = Where(error.Path, plan);
        switch (error.Kind)
        {
            case ValidationErrorKind.NotOneOf when error.Schema.OneOf.Any(s => s.RequiredProperties.Contains("tool")):
                yield return $"{where}: a task has exactly one of 'tool' and 'agent'";
                break;
            case ValidationErrorKind.ArrayItemNotValid or ValidationErrorKind.AdditionalItemNotValid or ValidationErrorKind.NotOneOf when error is ChildSchemaValidationError nested:
                foreach (var inner in nested.Errors.SelectMany(e => e.Value).SelectMany(e => Explain(e, plan)))
                {
                    yield return inner;
                }

                break;
            case ValidationErrorKind.NoAdditionalPropertiesAllowed:
                yield return $"{where}: unknown property '{error.Property}'; allowed are {string.Join(", ", error.Schema.Properties.Keys)}";
                break;
            case ValidationErrorKind.PropertyRequired:
                yield return $"{where}: '{error.Property}' is missing";
                break;
            case ValidationErrorKind.PatternMismatch:
                yield return $"{where}: does not have the form {error.Schema.Pattern}";
                break;
            default:
                yield return $"{where}: {Words(error.Kind.ToString())}";
                break;
        }
    }

    // "#/tasks[3].tool.name" says little; with the task's id it says where to look.
    private static string Where(string? path, JsonObject plan)
    {
        var trimmed = (path ?? string.Empty).TrimStart('#', '/').Replace('/', '.');
        if (trimmed.StartsWith("tasks[", StringComparison.Ordinal) && int.TryParse(trimmed[6..trimmed.IndexOf(']', StringComparison.Ordinal)], out var index)
            && plan["tasks"] is JsonArray tasks && index < tasks.Count && tasks[index] is JsonObject task && task["id"] is JsonValue id)
        {
            return $"task '{id}'{trimmed[(trimmed.IndexOf(']', StringComparison.Ordinal) + 1)..]}";
        }

        return trimmed.Length == 0 ? "plan" : trimmed;
    }

    private static string Words(string kind) => string.Concat(kind.Select((c, i) => i > 0 && char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : char.ToLowerInvariant(c).ToString()));
}
