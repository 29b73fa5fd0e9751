using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Sessions.Terminals;

namespace AgentPlatform.Sessions.Live;

/// <summary>A frame as it goes over WebSocket and NATS: one JSON object, told apart by <c>type</c>.</summary>
public static class LiveFrames
{
    public static byte[] Json(TerminalFrame frame) => frame switch
    {
        TerminalFrame.Output f => Json(new { type = "output", seq = f.Seq, data = Convert.ToBase64String(f.Bytes.Span) }),
        TerminalFrame.Skipped f => Json(new { type = "skipped", from = f.From, to = f.To }),
        TerminalFrame.Resized f => Json(new { type = "resized", columns = f.Columns, rows = f.Rows }),
        TerminalFrame.Ended f => Json(new { type = "ended", exitCode = f.ExitCode }),
        TerminalFrame.CutOff f => Json(new { type = "cut_off", reason = f.Reason }),
        _ => throw new ArgumentOutOfRangeException(nameof(frame), frame.GetType().Name, "A frame that has no wire form"),
    };

    public static byte[] Error(string message) => Json(new { type = "error", message });

    private static byte[] Json(object frame) => JsonSerializer.SerializeToUtf8Bytes(frame, ContractJson.Options);
}
