namespace AgentPlatform.ModelFabric.Exchange;

/// <summary>What a provider says, piece by piece, in no provider's words. A whole answer is the same events at once.</summary>
public abstract record AnswerEvent
{
    private AnswerEvent()
    {
    }

    public sealed record Began(string? Id, string? Model) : AnswerEvent;

    public sealed record Thought(string Piece) : AnswerEvent;

    /// <summary>Seals the reasoning so far; without any before it, it belongs to what follows.</summary>
    public sealed record ThoughtSigned(string Signature) : AnswerEvent;

    public sealed record ThoughtHidden(string Data) : AnswerEvent;

    public sealed record Said(string Piece) : AnswerEvent;

    public sealed record Refused(string Piece) : AnswerEvent;

    /// <param name="Call">Counted from 0 within the answer.</param>
    /// <param name="Id">Ties the result to the call.</param>
    /// <param name="Name">The tool.</param>
    public sealed record ToolCalled(int Call, string Id, string Name) : AnswerEvent;

    public sealed record ArgumentsCame(int Call, string Piece) : AnswerEvent;

    public sealed record Counted(AnswerUsage Usage) : AnswerEvent;

    public sealed record Finished(Finish Reason, string? StopSequence = null) : AnswerEvent;
}

public enum Finish
{
    Stop,
    StopSequence,
    Length,
    ToolCalls,
    Refusal,
}

/// <summary>Tokens as a provider counted them. Input holds what was read from a cache or written to one; output holds the reasoning.</summary>
public sealed record AnswerUsage(long Input, long Output, long CacheRead = 0, long CacheWrite = 0, long Reasoning = 0);
