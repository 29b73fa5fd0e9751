using AgentPlatform.Contracts;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>Turns the inbox's facts into the contract others wait for; the hash of what was asked goes with every answer.</summary>
internal static class RequestPublisher
{
    private const string Clock = "clock";

    public static RequestDecided Decided(HumanRequestEvent.Asked question, HumanRequestEvent.Decided fact) =>
        new(question.Id, question.Run, question.Task, fact.Decision, question.CallHash, fact.By, fact.Comment, fact.At, fact.Remember, fact.Arguments);

    public static RequestDecided Expired(HumanRequestEvent.Asked question, DateTimeOffset at) =>
        new(question.Id, question.Run, question.Task, Decision.Expired, question.CallHash, Clock, Comment: null, at);
}
