using System.ComponentModel;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Toolkits;

/// <summary>
/// A tool whose arguments are a record: the same type makes the schema and reads the call, so they cannot disagree. Refusals thrown as
/// <see cref="ToolRefusedException"/> or <see cref="WorkspaceRefusedException"/> become failures here, at the one place.
/// </summary>
public abstract class Tool<TArguments> : ITool
    where TArguments : class
{
    public abstract ToolSpec Spec { get; }

    public async Task<ToolOutput> Run(ToolCall call, CancellationToken ct)
    {
        TArguments arguments;
        try
        {
            arguments = call.Arguments.Deserialize<TArguments>(ToolJson.Options) ?? throw new JsonException("The arguments are null.");
        }
        catch (JsonException error)
        {
            return ToolOutput.Failed(FailureClass.InvalidArguments, $"The arguments of {Spec.FullName} do not fit its schema: {error.Message} Correct them and call again.");
        }
        try
        {
            return await Run(arguments, call, ct);
        }
        catch (ToolRefusedException refusal)
        {
            return ToolOutput.Failed(refusal.Class, refusal.Message);
        }
        catch (WorkspaceRefusedException refusal)
        {
            return ToolOutput.Failed(ClassOf(refusal.Kind), refusal.Message);
        }
    }

    protected abstract Task<ToolOutput> Run(TArguments arguments, ToolCall call, CancellationToken ct);

    /// <summary>JSON Schema of the arguments, with the descriptions of their attributes.</summary>
    protected static JsonElement Schema { get; } = MakeSchema();

    protected static ToolOutput Done(object content, params IEnumerable<HashedFile> files) =>
        new(JsonSerializer.SerializeToElement(content, content.GetType(), ToolJson.Options), [.. files.Select(ToolArtifact.Of)], Failure: null);

    private static string ClassOf(RefusalKind kind) => kind switch
    {
        RefusalKind.InvalidPath or RefusalKind.NotAFile => FailureClass.InvalidArguments,
        RefusalKind.NotFound => FailureClass.NotFound,
        RefusalKind.Escapes or RefusalKind.Denied => FailureClass.Denied,
        RefusalKind.TooLarge => FailureClass.TooLarge,
        _ => FailureClass.Unavailable,
    };

    private static JsonElement MakeSchema()
    {
        var exporter = new JsonSchemaExporterOptions
        {
            TreatNullObliviousAsNonNullable = true,
            TransformSchemaNode = static (context, node) =>
            {
                var source = context.PropertyInfo is { } property ? property.AttributeProvider : context.TypeInfo.Type;
                var text = source?.GetCustomAttributes(typeof(DescriptionAttribute), inherit: true).OfType<DescriptionAttribute>().FirstOrDefault()?.Description;
                if (text is not null && node is JsonObject schema) schema.Insert(0, "description", text);
                return node;
            },
        };
        return JsonSerializer.SerializeToElement(ToolJson.Options.GetJsonSchemaAsNode(typeof(TArguments), exporter));
    }
}

/// <summary>An expected refusal of a tool. The message names the cause and the remedy and is shown to the model.</summary>
public sealed class ToolRefusedException(string failureClass, string message) : Exception(message)
{
    public string Class { get; } = failureClass;
}
