namespace AgentPlatform.ModelFabric.Wire;

/// <summary>Why a call was not answered, in OpenAI's terms, which are the finest; other formats say the same in theirs.</summary>
public sealed record CallError(string Message, string Type, string? Param, string? Code);

/// <summary>
/// A call that cannot be answered, with the status and the error body the client gets. The code is also the error class
/// of the call's record, so it comes from a small fixed set.
/// </summary>
public sealed class ModelCallException(int status, CallError error, TimeSpan? retryAfter = null, Exception? inner = null)
    : Exception(error.Message, inner)
{
    public int Status { get; } = status;
    public CallError Error { get; } = error;
    public TimeSpan? RetryAfter { get; } = retryAfter;
    public string ErrorClass => Error.Code ?? Error.Type;

    /// <summary>The caller's mistake: saying it again does not help.</summary>
    public static ModelCallException Invalid(string code, string message, string? param = null, int status = StatusCodes.Status400BadRequest) =>
        new(status, new CallError(message, "invalid_request_error", param, code));

    /// <summary>The provider's failure or ours: saying it again may help.</summary>
    public static ModelCallException Upstream(string code, string message, int status = StatusCodes.Status502BadGateway, Exception? inner = null) =>
        new(status, new CallError(message, "api_error", null, code), inner: inner);
}
