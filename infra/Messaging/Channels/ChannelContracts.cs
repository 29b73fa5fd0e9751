using System.Runtime.InteropServices;
using System.Text.Json;

namespace AgentPlatform.Messaging;

/// <summary>Positions of a channel, both ends included.</summary>
/// <param name="First">The first.</param>
/// <param name="Last">The last.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Positions(long First, long Last)
{
    public long Count => Last - First + 1;
}

/// <summary>What a sender has of one kind of message.</summary>
/// <param name="Name">The channel: the subject without the id of the thing.</param>
/// <param name="First">The oldest position that can be sent again.</param>
/// <param name="Published">Everything up to here was acknowledged by JetStream.</param>
internal sealed record ChannelState(string Name, long First, long Published);

/// <summary>Told by a sender's relay now and then, and when asked: so that a receiver misses also the last message.</summary>
/// <param name="Service">The sender.</param>
/// <param name="Sequencer">Under which name it numbers.</param>
/// <param name="Channels">What it has sent so far.</param>
internal sealed record ChannelsTold(string Service, string Sequencer, ChannelState[] Channels);

/// <summary>A receiver asks the sender to publish again what it misses.</summary>
/// <param name="Sequencer">Whose numbers these are.</param>
/// <param name="Channel">The channel.</param>
/// <param name="Missing">What is missing; the sender takes as much as it may in one go.</param>
internal sealed record ResendAsked(string Sequencer, string Channel, Positions[] Missing);

/// <summary>The sender's answer, given after JetStream has the messages.</summary>
/// <param name="Sent">How many were published.</param>
/// <param name="Gone">What is not kept any more and is lost to this receiver.</param>
internal sealed record ResendDone(int Sent, Positions[] Gone);

/// <summary>Subjects between senders and receivers about what was sent; core NATS, answered or lost.</summary>
internal static class ChannelSubjects
{
    public const string Ask = "channels.ask";
    public const string AllTold = "channels.told.*";

    public static string Told(string service) => $"channels.told.{service}";

    public static string Facts(string service) => $"channels.facts.{service}";

    public static string Resend(string service) => $"channels.resend.{service}";

    /// <summary>The channel of a subject, or of a consumer's filter: an event's last token is the thing it is about.</summary>
    public static string ChannelOf(string subject) =>
        subject.StartsWith("events.", StringComparison.Ordinal) ? subject[..subject.LastIndexOf('.')] : subject;
}

/// <summary>How these few messages look.</summary>
internal static class ChannelJson
{
    public static byte[] Write<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, JsonSerializerOptions.Web);

    public static T Read<T>(byte[] json) => JsonSerializer.Deserialize<T>(json, JsonSerializerOptions.Web) ?? throw new JsonException($"The message holds no {typeof(T).Name}");
}
