using System.Runtime.CompilerServices;
using System.Text.Json;

namespace AgentPlatform.Contracts.Tests;

/// <summary>The schema is the form of a plan and the records are its content: neither may know something that the other does not.</summary>
public sealed class PlanSchemaTests
{
    private static readonly JsonElement Schema = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(SchemaPath()));

    public static TheoryData<Type, string> Parts => new()
    {
        { typeof(Plan), "" },
        { typeof(PlanTask), "definitions/task" },
        { typeof(PlanTool), "definitions/task/properties/tool" },
        { typeof(PlanAgent), "definitions/task/properties/agent" },
        { typeof(PlanRetry), "definitions/task/properties/retry" },
        { typeof(PlanApproval), "definitions/task/properties/approval" },
        { typeof(PlanBudget), "definitions/task/properties/budget" },
    };

    [Theory]
    [MemberData(nameof(Parts))]
    public void Schema_and_record_have_the_same_properties(Type record, string at)
    {
        var part = at.Split('/', StringSplitOptions.RemoveEmptyEntries).Aggregate(Schema, (node, name) => node.GetProperty(name));

        Assert.Equal(
            record.GetProperties().Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).Order(StringComparer.Ordinal),
            part.GetProperty("properties").EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.False(part.GetProperty("additionalProperties").GetBoolean());
    }

    [Fact]
    public void The_words_of_the_order_are_those_of_the_contract() =>
        Assert.Equal(Enum.GetNames<DispatchOrder>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName), Schema.GetProperty("properties").GetProperty("order").GetProperty("enum").EnumerateArray().Select(w => w.GetString()!));

    [Fact]
    public void Every_text_and_every_list_of_a_plan_has_a_bound()
    {
        var unbounded = new List<string>();
        Walk(Schema, "#", unbounded);

        Assert.Empty(unbounded);
    }

    private static void Walk(JsonElement node, string at, List<string> unbounded)
    {
        if (node.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        if (node.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String)
        {
            var isBounded = type.GetString() switch
            {
                "string" => node.TryGetProperty("maxLength", out _) || node.TryGetProperty("pattern", out _),
                "array" => node.TryGetProperty("maxItems", out _),
                _ => true,
            };
            if (!isBounded)
            {
                unbounded.Add(at);
            }
        }

        foreach (var member in node.EnumerateObject())
        {
            Walk(member.Value, $"{at}/{member.Name}", unbounded);
        }
    }

    private static string SchemaPath([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "../../contracts/schemas/plan.schema.json");
}
