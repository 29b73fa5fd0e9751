using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>Reads a policy from YAML or JSON. A property nobody knows is refused: a rule with a misspelled condition would be about more than its author meant.</summary>
public static class ReadPolicy
{
    /// <summary>Size of a policy's text.</summary>
    public const int CharactersMax = 256 * 1024;

    /// <summary>Rules of one policy.</summary>
    public const int RulesMax = 1_000;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        PropertyNameCaseInsensitive = false,
    };

    private static readonly JsonSerializerOptions Shown = new(Json) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <param name="text">YAML; JSON is a subset.</param>
    /// <exception cref="InvalidPolicyException">Says what is wrong.</exception>
    public static PolicyDocument From(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > CharactersMax)
        {
            throw new InvalidPolicyException([$"the policy has {text.Length} characters; {CharactersMax} are allowed"]);
        }

        try
        {
            if (YamlToJson.Read(text, "policy") is not JsonObject json)
            {
                throw new InvalidPolicyException(["a policy is a mapping with 'rules'"]);
            }

            var document = json.Deserialize<PolicyDocument>(Json)!;
            return document.Rules.Length <= RulesMax ? document : throw new InvalidPolicyException([$"the policy has {document.Rules.Length} rules; {RulesMax} are allowed"]);
        }
        catch (InvalidYamlException e)
        {
            throw new InvalidPolicyException([e.Message]);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidPolicyException([e.Message]);
        }
    }

    /// <summary>As a JSON object that <see cref="From"/> reads again.</summary>
    public static JsonElement Show(IEnumerable<PolicyRule> rules) => JsonSerializer.SerializeToElement(rules, Shown);

    /// <summary>A policy that is part of the build.</summary>
    internal static PolicyDocument Shipped(string name) => From(ShippedText(name));

    internal static string ShippedText(string name)
    {
        using var stream = typeof(ReadPolicy).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is missing from the build");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

/// <summary>A policy that cannot be used.</summary>
/// <param name="errors">One line for each thing that is wrong.</param>
public sealed class InvalidPolicyException(IReadOnlyList<string> errors) : Exception(string.Join(" · ", errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}
