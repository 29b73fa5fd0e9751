namespace AgentPlatform.ModelFabric.Calls;

public sealed partial class AnswerCall
{
    [LoggerMessage(4202, LogLevel.Error, "The record of call {Call} could not be stored; the call is missing from the history until the store is back")]
    private partial void RecordLost(Exception exception, Guid call);

    [LoggerMessage(4203, LogLevel.Information, "Call {Call} to {Model} ended as {ErrorClass} with status {Status}")]
    private partial void CallFailed(Guid call, string model, string errorClass, int status);
}
