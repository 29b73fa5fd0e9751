using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentPlatform.Contracts;

/// <summary>The envelope of every message on NATS: CloudEvents 1.0 in structured JSON mode, with the distributed-tracing extension.</summary>
/// <param name="Id">Survives every retry: the key of the receiver's inbox.</param>
/// <param name="Source">Who sent it, for example <c>/orchestrator</c>.</param>
/// <param name="Type">The contract and its version; see <see cref="Subjects.TypeName"/>.</param>
/// <param name="Subject">The NATS subject it was published on.</param>
/// <param name="Time">When the facts behind it were stored.</param>
/// <param name="TraceParent">W3C trace context of the sender, if it was traced.</param>
/// <param name="CorrelationId">The run it belongs to; messages of one correlation are handled in order.</param>
/// <param name="CausationId">The message or event that caused it.</param>
/// <param name="Data">The contract itself.</param>
/// <remarks>https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md</remarks>
public sealed record CloudEvent(
    string Id,
    string Source,
    string Type,
    string? Subject,
    DateTimeOffset Time,
    [property: JsonPropertyName("traceparent")] string? TraceParent,
    [property: JsonPropertyName("correlationid")] string? CorrelationId,
    [property: JsonPropertyName("causationid")] string? CausationId,
    JsonElement Data)
{
    /// <summary>Set when a dead letter is sent again: the one handler it is meant for. Everybody else has had the message and passes over it.</summary>
    [JsonPropertyName("retryfor")]
    public string? RetryFor { get; init; }

    /// <summary>Always <c>1.0</c>.</summary>
    [JsonPropertyName("specversion")]
    public string SpecVersion { get; init; } = "1.0";

    /// <summary>Always <c>application/json</c>.</summary>
    [JsonPropertyName("datacontenttype")]
    public string DataContentType { get; init; } = "application/json";

    /// <summary>Who numbered the message, and with it all others of its kind: stands beside <see cref="Sequence"/>. Written by the sender's relay.</summary>
    [JsonPropertyName("sequencer")]
    public string? Sequencer { get; init; }

    /// <summary>CloudEvents' <c>sequence</c>: the place among all messages of one <see cref="Sequencer"/> and type, from 1, without a hole; 19 digits, so that it sorts as text.</summary>
    [JsonPropertyName("sequence")]
    public string? Sequence { get; init; }
}
