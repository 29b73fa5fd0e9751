using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Policy;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

/// <summary><c>policy.schema.json</c> and the records say the same.</summary>
public sealed class PolicySchemaTests
{
    private static readonly JsonElement Schema = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(SchemaPath()));

    public static TheoryData<Type, string> Parts => new()
    {
        { typeof(PolicyDocument), "" },
        { typeof(PolicyRule), "definitions/rule" },
        { typeof(ArgumentTest), "definitions/argument" },
        { typeof(HoursTest), "definitions/hours" },
        { typeof(RuleExamples), "definitions/rule/properties/examples" },
        { typeof(ExampleCall), "definitions/examples/items" },
    };

    [Theory]
    [MemberData(nameof(Parts))]
    public void Schema_and_record_have_the_same_properties(Type record, string at)
    {
        var part = at.Split('/', StringSplitOptions.RemoveEmptyEntries).Aggregate(Schema, (node, name) => node.GetProperty(name));

        Assert.Equal(
            record.GetProperties().Select(p => p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name)).Order(StringComparer.Ordinal),
            part.GetProperty("properties").EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.False(part.GetProperty("additionalProperties").GetBoolean());
    }

    [Theory]
    [InlineData("rails.yaml")]
    [InlineData("default.yaml")]
    public void What_is_shipped_has_that_form(string name) =>
        Assert.Empty(Schemas.Read(Schema).Validate(YamlToJson.Read(ReadPolicy.ShippedText(name), "policy")!.ToJsonString()));

    private static string SchemaPath([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "../../../contracts/schemas/policy.schema.json");
}
