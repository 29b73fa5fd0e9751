using System.Text;

namespace AgentPlatform.Messaging;

/// <summary>One delivery of a JetStream message, and the three things one can say about it.</summary>
/// <param name="nats">The connection it came on.</param>
/// <param name="ack">The acknowledgement subject: <c>$JS.ACK.stream.consumer.delivered.…</c></param>
/// <param name="payload">The envelope.</param>
internal sealed class Delivery(NatsLink nats, string subject, string ack, byte[] payload)
{
    private static readonly byte[] Ack = "+ACK"u8.ToArray();
    private static readonly byte[] Term = "+TERM"u8.ToArray();
    private static readonly byte[] Progress = "+WPI"u8.ToArray();

    public string Subject => subject;

    public byte[] Payload => payload;

    /// <summary>How often the server delivered it; the fifth token, or the seventh where the subject carries domain and account.</summary>
    public int Delivered { get; } = Token(ack);

    public void Done() => nats.Publish(ack, Ack);

    public void GiveUp() => nats.Publish(ack, Term);

    public void StillAtIt() => nats.Publish(ack, Progress);

    public void Again(TimeSpan delay) => nats.Publish(ack, Encoding.ASCII.GetBytes($$"""-NAK {"delay":{{JetStream.Nanoseconds(delay)}}}"""));

    private static int Token(string ack)
    {
        var tokens = ack.Split('.');
        return int.Parse(tokens[tokens.Length >= 11 ? 6 : 4]);
    }
}
