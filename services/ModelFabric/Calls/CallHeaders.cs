using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>What a caller may say beside the request; all of it optional, all of it bounded.</summary>
public static class CallHeaders
{
    public const string Run = "x-agentplatform-run";
    public const string Task = "x-agentplatform-task";
    public const string WorkspaceHeader = "x-agentplatform-workspace";
    public const string IdempotencyKey = "Idempotency-Key";

    /// <summary>On an answer: the id of the call's record.</summary>
    public const string Call = "x-agentplatform-call";

    /// <summary>On an answer that was recorded before: <c>true</c>.</summary>
    public const string Replayed = "x-agentplatform-replayed";

    /// <summary>On an answer that was given before to the same request, and is given again by policy: <c>hit</c>.</summary>
    public const string Cache = "x-agentplatform-cache";

    /// <summary>On an answer: hints of the request, such as where to cache, that the provider's format has no place for.</summary>
    public const string NotCarried = "x-agentplatform-not-carried";

    /// <summary>On the answer of a route: which model answered, <c>provider/model</c>.</summary>
    public const string Model = "x-agentplatform-model";

    /// <summary>On a request: <c>true</c> when it must not leave this machine.</summary>
    public const string LocalOnly = "x-agentplatform-local-only";

    private const int LengthMax = 255;

    public static CallOrigin Origin(HttpContext http) => new(
        http.User.Identity?.Name ?? "anonymous", Text(http.Request, Run), Text(http.Request, Task), Text(http.Request, IdempotencyKey));

    /// <summary>The workspace id becomes a folder name, so it is a GUID or nothing.</summary>
    public static Guid? Workspace(HttpRequest request) => Text(request, WorkspaceHeader) is not { } text
        ? null
        : Guid.TryParseExact(text, "D", out var id) ? id : throw ModelCallException.Invalid("invalid_workspace", $"The header {WorkspaceHeader} must be a GUID with dashes.");

    public static bool IsLocalOnly(HttpRequest request) => Text(request, LocalOnly) switch
    {
        null or "false" => false,
        "true" => true,
        _ => throw ModelCallException.Invalid("invalid_header", $"The header {LocalOnly} must be true or false."),
    };

    /// <summary>Headers that belong to the caller's wire format and go to a provider of the same.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Passed(HttpRequest request, WireFormat format) =>
        [.. format.HeadersPassed.Select(name => KeyValuePair.Create(name, Text(request, name))).Where(header => header.Value is not null).Select(header => KeyValuePair.Create(header.Key, header.Value!))];

    private static string? Text(HttpRequest request, string name)
    {
        if (!request.Headers.TryGetValue(name, out var values) || values is not [{ Length: > 0 } text])
        {
            return values.Count > 1 ? throw ModelCallException.Invalid("invalid_header", $"The header {name} is given more than once.") : null;
        }
        return text.Length <= LengthMax && !text.Any(char.IsControl)
            ? text
            : throw ModelCallException.Invalid("invalid_header", $"The header {name} must be at most {LengthMax} printable characters.");
    }
}
