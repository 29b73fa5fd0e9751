using System.Text.Json;

namespace AgentPlatform.ToolGateway.Toolkits.Office;

/// <summary>A document's description comes with the call or from a JSON file that an earlier step computed; both are the same type.</summary>
internal static class SpecFile
{
    private const long SpecBytesMax = 32 * 1024 * 1024;

    internal static async Task<T> Resolve<T>(T? given, string? path, ToolCall call, CancellationToken ct)
        where T : class
    {
        if (given is null == path is null) throw new ToolRefusedException(FailureClass.InvalidArguments, "Give exactly one of spec and spec_path.");
        if (given is not null) return given;
        var text = await call.Workspace.ReadText(path!, SpecBytesMax, ct);
        try
        {
            return JsonSerializer.Deserialize<T>(text, ToolJson.Options) ?? throw new JsonException("it is null.");
        }
        catch (JsonException error)
        {
            throw new ToolRefusedException(FailureClass.InvalidArguments, $"'{path}' does not describe such a document: {error.Message} Correct the file and call again.");
        }
    }
}
