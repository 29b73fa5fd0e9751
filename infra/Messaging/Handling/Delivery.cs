using System.Text;

namespace AgentPlatform.Messaging;

/// <summary>One delivery of a JetStream message, and what one can say about it.</summary>
/// <param name="nats">The connection it came on.</param>
/// <param name="ack">The acknowledgement subject: <c>$JS.ACK.stream.consumer.delivered.…</c></param>
/// <param name="payload">The envelope.</param>
internal sealed class Delivery(NatsLink nats, string subject, string ack, byte[] payload)
{
    private static readonly byte[] Ack = "+ACK"u8.ToArray();
    private static readonly byte[] Term = "+TERM"u8.ToArray();
    private static readonly byte[] Nak = "-NAK"u8.ToArray();
    private static readonly byte[] Progress = "+WPI"u8.ToArray();

    public string Subject => subject;

    public byte[] Payload => payload;

    /// <summary>How often the server delivered it; the fifth token, or the seventh where the subject carries domain and account.</summary>
    public int Delivered { get; } = Token(ack);

    public void Done() => Say(Ack);

    public void GiveUp() => Say(Term);

    public void GiveBack() => Say(Nak);

    public void StillAtIt() => Say(Progress);

    public void Again(TimeSpan delay) => Say(Encoding.ASCII.GetBytes($$"""-NAK {"delay":{{JetStream.Nanoseconds(delay)}}}"""));

    private void Say(byte[] what)
    {
        try
        {
            nats.Publish(ack, what);
        }
        catch (IOException)
        {
            // The server did not hear it and delivers again; the inbox knows the message then.
        }
    }

    private static int Token(string ack)
    {
        var tokens = ack.Split('.');
        return int.Parse(tokens[tokens.Length >= 11 ? 6 : 4]);
    }
}
