using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentPlatform.ModelFabric.Chat;

/// <summary>The error every OpenAI client understands.</summary>
public sealed record OpenAiError(
    [property: JsonPropertyName("message")] string Message,
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("param")] string? Param,
    [property: JsonPropertyName("code")] string? Code)
{
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new { error = this });
}

/// <summary>
/// A call that cannot be answered, with the status and the error body the client gets. The code is also the error class
/// of the call's record, so it comes from a small fixed set.
/// </summary>
public sealed class ModelCallException(int status, OpenAiError error, TimeSpan? retryAfter = null, Exception? inner = null)
    : Exception(error.Message, inner)
{
    public int Status { get; } = status;
    public OpenAiError Error { get; } = error;
    public TimeSpan? RetryAfter { get; } = retryAfter;
    public string ErrorClass => Error.Code ?? Error.Type;

    /// <summary>The caller's mistake: saying it again does not help.</summary>
    public static ModelCallException Invalid(string code, string message, string? param = null, int status = StatusCodes.Status400BadRequest) =>
        new(status, new OpenAiError(message, "invalid_request_error", param, code));

    /// <summary>The provider's failure or ours: saying it again may help.</summary>
    public static ModelCallException Upstream(string code, string message, int status = StatusCodes.Status502BadGateway, Exception? inner = null) =>
        new(status, new OpenAiError(message, "api_error", null, code), inner: inner);
}
