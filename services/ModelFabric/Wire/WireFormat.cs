using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>
/// One way of talking to a model: what of a request routing needs, what an answer tells about itself, how a stream ends and
/// an error looks; and, for the way through another format, how to take requests and answers apart and put them together.
/// </summary>
public abstract class WireFormat
{
    /// <summary>As a provider lists it and a message names it.</summary>
    public abstract string Name { get; }

    /// <summary>GenAI semantic conventions' name of the operation.</summary>
    public virtual string Operation => "chat";

    /// <summary>Whether a whole answer is JSON; one that is not is passed as it is and not kept for repetition.</summary>
    public virtual bool AnswersJson => true;

    /// <summary>The path behind a provider's base URL.</summary>
    public abstract string Path(string model, bool stream);

    /// <summary>The property a request must have, and whether it must be a list.</summary>
    public virtual (string Name, bool IsList)? Required => null;

    /// <summary>Headers of the caller that mean something to a provider of the same format.</summary>
    public virtual IReadOnlyList<string> HeadersPassed => [];

    /// <summary>The header in which clients of this format look for the id of their request.</summary>
    public virtual string RequestIdHeader => "x-request-id";

    /// <summary>What a client waits for at the end of a stream.</summary>
    public virtual ReadOnlyMemory<byte> StreamEnd => ReadOnlyMemory<byte>.Empty;

    /// <summary>What routing needs to know of a request.</summary>
    public virtual CallRequest Scan(ReadOnlyMemory<byte> body, string? contentType) => CallRequest.Parse(this, body);

    /// <summary>Reads along with an answer that is passed on as it is.</summary>
    public abstract AnswerObserver Observe(AnswerNotes notes);

    public abstract byte[] Error(ModelCallException failure, string? requestId);

    /// <summary>A failure as the last event of a stream that began well.</summary>
    public abstract byte[] StreamError(ModelCallException failure);

    /// <summary>Takes a request of this format apart.</summary>
    public virtual ModelRequest Read(ReadOnlyMemory<byte> body, Passage passage) => throw passage.CannotCarry(Name);

    /// <summary>Puts a request for a provider of this format together.</summary>
    /// <param name="request">What is wanted.</param>
    /// <param name="model">The model's name at the provider.</param>
    /// <param name="dialect">How this provider differs from its format.</param>
    /// <param name="tokensMaxDefault">For formats that demand a bound where the caller gave none.</param>
    public virtual JsonObject Write(ModelRequest request, string model, Dialect dialect, int tokensMaxDefault) => throw request.Passage.CannotCarry(Name);

    /// <summary>Takes a provider's answer apart.</summary>
    /// <param name="call">The call's own id, from which tool calls get theirs where the provider gives none.</param>
    public virtual AnswerReader Reader(Guid call) => throw new NotSupportedException($"No provider answers in {Name}.");

    /// <summary>Puts an answer for a caller together.</summary>
    public virtual AnswerWriter Writer(AnswerHead head) => throw new NotSupportedException($"No caller is answered in {Name}.");
}

/// <summary>What an answer begins with: the call's own id, the model as asked for, the time, and whether the caller wants the usage at the end.</summary>
public sealed record AnswerHead(Guid Call, string Model, DateTimeOffset At, bool IncludeUsage)
{
    public string Id(string prefix) => prefix + Call.ToString("N");
}

/// <summary>Takes answers of one provider format apart; one for each call, because a stream is understood from its beginning.</summary>
public abstract class AnswerReader
{
    /// <summary>The provider has said that nothing follows.</summary>
    public bool Ended { get; protected set; }

    /// <exception cref="System.Text.Json.JsonException">The bytes are no answer.</exception>
    public abstract IEnumerable<AnswerEvent> Whole(ReadOnlyMemory<byte> json);

    /// <exception cref="System.Text.Json.JsonException">The bytes are no part of an answer.</exception>
    public abstract IEnumerable<AnswerEvent> Chunk(ReadOnlyMemory<byte> json);

    /// <summary>A data line that is no JSON, as <c>[DONE]</c>; false when it means nothing here.</summary>
    public virtual bool Mark(ReadOnlySpan<byte> data) => false;
}

/// <summary>Puts answers of one caller format together; one for each call.</summary>
public abstract class AnswerWriter
{
    public abstract byte[] Whole(AnswerDraft draft, AnswerNotes notes);

    /// <summary>The bytes of a stream that this event becomes; none when the format keeps it for the end.</summary>
    public abstract void Write(AnswerEvent one, EventBytes into);

    /// <summary>What is left to say when the provider has ended.</summary>
    public abstract void Close(AnswerNotes notes, EventBytes into);
}
