using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>What was learnt of an answer while it went by: for the call's record, and for the end of a translated stream.</summary>
public sealed class AnswerNotes
{
    private const int BytesPerToken = 4;

    public string? Model { get; private set; }

    /// <summary>As the provider said it; null while it has not.</summary>
    public string? FinishReason { get; set; }

    public Finish Finish { get; private set; }
    public string? StopSequence { get; private set; }
    public AnswerUsage? Usage { get; private set; }

    /// <summary>The provider reported an error inside an answer that began well.</summary>
    public string? ErrorInAnswer { get; set; }

    /// <summary>The provider itself calls its count an estimate, as the scripted one does.</summary>
    public bool UsageIsEstimate { get; set; }

    /// <summary>How many texts a policy took out of the request before it left.</summary>
    public int Redactions { get; set; }

    /// <summary>How much was said, for an estimate when nobody counts.</summary>
    public long Characters { get; set; }

    public static long Estimate(long bytes) => (bytes + BytesPerToken - 1) / BytesPerToken;

    public void Named(string? model) => Model ??= model;

    public void Counted(AnswerUsage usage) => Usage = usage;

    /// <param name="input">The estimate of the question, for a provider that does not count.</param>
    public TokenUsage Tokens(Func<long> input) => Usage is { } usage
        ? new TokenUsage(usage.Input, usage.Output, UsageIsEstimate, usage.CacheRead, usage.CacheWrite, usage.Reasoning)
        : new TokenUsage(input(), Estimate(Characters), Estimated: true);

    public void Take(AnswerEvent one)
    {
        switch (one)
        {
            case AnswerEvent.Began began:
                Named(began.Model);
                break;
            case AnswerEvent.Counted counted:
                Usage = counted.Usage;
                break;
            case AnswerEvent.Finished finished:
                (Finish, StopSequence) = (finished.Reason, finished.StopSequence);
                FinishReason = Spoken(finished.Reason);
                break;
            case AnswerEvent.Said said:
                Characters += said.Piece.Length;
                break;
            case AnswerEvent.Thought thought:
                Characters += thought.Piece.Length;
                break;
            case AnswerEvent.ArgumentsCame came:
                Characters += came.Piece.Length;
                break;
        }
    }

    private static string Spoken(Finish reason) => reason switch
    {
        Finish.Length => "length",
        Finish.ToolCalls => "tool_calls",
        Finish.Refusal => "content_filter",
        _ => "stop",
    };
}
