using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Sessions.Terminals;

namespace AgentPlatform.Sessions.Live;

/// <summary>
/// Puts a session's frames on <c>live.terminal.&lt;id&gt;</c>. A subscriber like any other: if NATS is slow, the feed is cut
/// off and comes back where it was, and the terminal never waits.
/// </summary>
/// <remarks>Not the record of anything: what is published while NATS is away is lost there, and is in the recording.</remarks>
public sealed class LiveFeed(NatsLink nats)
{
    public void Follow(SessionId id, TerminalStream stream)
    {
        var subject = Subjects.Live("terminal", id.ToString());
        _ = Task.Run(() => Publish(subject, stream));
    }

    private async Task Publish(string subject, TerminalStream stream)
    {
        var (ended, seen) = (false, 0L);
        while (!ended)
        {
            await foreach (var frame in stream.Subscribe(seen, CancellationToken.None, isViewer: false))
            {
                seen = frame is TerminalFrame.Output output ? output.Seq : seen;
                ended |= frame is TerminalFrame.Ended;
                if (frame is not TerminalFrame.CutOff && nats.IsConnected)
                {
                    Try(subject, LiveFrames.Json(frame));
                }
            }
        }
    }

    private void Try(string subject, byte[] frame)
    {
        try
        {
            nats.Publish(subject, frame);
        }
        catch (Exception away) when (Transient.Is(away))
        {
            // Live data is for those who listen now; there is no later for it.
        }
    }
}
