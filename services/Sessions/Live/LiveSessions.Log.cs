namespace AgentPlatform.Sessions.Live;

public sealed partial class LiveSessions
{
    [LoggerMessage(4101, LogLevel.Information, "Session {Session} closed: {Reason}")]
    private partial void SessionEnded(string session, string reason);

    [LoggerMessage(4102, LogLevel.Warning, "The end of session {Session} could not be stored: {Cause}; trying again in {Delay}")]
    private partial void EndNotStored(string session, string cause, TimeSpan delay);

    [LoggerMessage(4103, LogLevel.Warning, "Session {Session} was left open by an earlier life of node {Node}; it is closed now")]
    private partial void LeftOpen(string session, string node);

    [LoggerMessage(4104, LogLevel.Warning, "The end of session {Session} stays unrecorded until the next start of node {Node}: {Cause}")]
    private partial void EndGivenUp(string session, string node, string cause);

    [LoggerMessage(4105, LogLevel.Warning, "The recording of session {Session} ends early: {Cause}")]
    private partial void RecordingStopped(string session, string cause);
}
