namespace AgentPlatform.ModelFabric.Calls;

public sealed partial class AnswerCall
{
    [LoggerMessage(4206, LogLevel.Error, "The answer of call {Call} could not be stored for repetition; its client was told to ask again, the call is recorded when the store is back")]
    private partial void NotRepeatable(Exception exception, Guid call);

    [LoggerMessage(4203, LogLevel.Information, "Call {Call} to {Model} ended as {ErrorClass} with status {Status}")]
    private partial void CallFailed(Guid call, string model, string errorClass, int status);
}
