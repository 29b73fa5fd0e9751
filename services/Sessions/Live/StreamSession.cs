using System.Net.WebSockets;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Sessions.Terminals;
using Microsoft.AspNetCore.Authorization;

namespace AgentPlatform.Sessions.Live;

/// <summary>
/// <c>/v1/sessions/{id}/stream?after=SEQ</c>, a WebSocket. Out: <c>output skipped resized ended cut_off error</c>.
/// In: <c>{"type":"input","data":BASE64}</c> and <c>{"type":"resize","columns":C,"rows":R}</c>, from those who may operate.
/// </summary>
public static class StreamSession
{
    private const int FrameBytesMax = 128 * 1024;
    private static readonly TimeSpan GoodbyeDurationMax = TimeSpan.FromSeconds(5);

    private sealed record ClientFrame(string Type, string? Data, int? Columns, int? Rows);

    public static async Task Handle(SessionId id, HttpContext http, LiveSessions sessions, IAuthorizationService authorization, IHostApplicationLifetime lifetime, long after = 0)
    {
        if (!http.WebSockets.IsWebSocketRequest)
        {
            throw new ProblemException(StatusCodes.Status426UpgradeRequired, "websocket-wanted", "This address is a WebSocket: connect with ws:// or wss://");
        }
        if (after < 0)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-after", "'after' is the number of the last frame seen, or 0");
        }
        var terminal = sessions.Terminal(id)
            ?? throw new ProblemException(StatusCodes.Status404NotFound, "session-not-live", $"Session {id} is not open here; what was seen in a closed one is at /v1/sessions/{id}/recording");
        var mayType = (await authorization.AuthorizeAsync(http.User, Access.Operate)).Succeeded;

        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        using var sending = new SemaphoreSlim(1);
        async Task Send(byte[] frame)
        {
            await sending.WaitAsync(end.Token);
            try
            {
                await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, end.Token);
            }
            finally
            {
                sending.Release();
            }
        }

        IAsyncEnumerable<TerminalFrame> frames;
        try
        {
            frames = terminal.Stream.Subscribe(after, end.Token);
        }
        catch (TerminalException full)
        {
            await Send(LiveFrames.Error(full.Message));
            await socket.CloseAsync(WebSocketCloseStatus.PolicyViolation, "too many viewers", end.Token);
            return;
        }
        var output = Forward(frames, Send);
        var input = Listen(socket, terminal, mayType, Send, end.Token);
        try
        {
            await await Task.WhenAny(output, input);
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, statusDescription: null, end.Token);
                await Task.WhenAny(input, Task.Delay(GoodbyeDurationMax, end.Token));
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException)
        {
            // The viewer went away or the service stops; the session does not mind.
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(output, input).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task Forward(IAsyncEnumerable<TerminalFrame> frames, Func<byte[], Task> send)
    {
        await foreach (var frame in frames)
        {
            await send(LiveFrames.Json(frame));
        }
    }

    private static async Task Listen(WebSocket socket, Terminal terminal, bool mayType, Func<byte[], Task> send, CancellationToken ct)
    {
        var buffer = new byte[FrameBytesMax];
        while (await Receive(socket, buffer, ct) is { } message)
        {
            try
            {
                await Apply(Parse(message), terminal, mayType, ct);
            }
            catch (Exception refused) when (refused is TerminalException or JsonException or FormatException)
            {
                await send(LiveFrames.Error(refused.Message));
            }
        }
    }

    private static async Task Apply(ClientFrame frame, Terminal terminal, bool mayType, CancellationToken ct)
    {
        if (!mayType)
        {
            throw new TerminalException("You may watch this session; typing and resizing need the role operator or owner.");
        }
        switch (frame)
        {
            case { Type: "input", Data: { } data }:
                await terminal.Write(Convert.FromBase64String(data), ct);
                break;
            case { Type: "resize", Columns: { } columns, Rows: { } rows }:
                terminal.Resize(columns, rows);
                break;
            default:
                throw new TerminalException("Send {\"type\":\"input\",\"data\":BASE64} or {\"type\":\"resize\",\"columns\":C,\"rows\":R}.");
        }
    }

    private static ClientFrame Parse(ReadOnlyMemory<byte> message) =>
        JsonSerializer.Deserialize<ClientFrame>(message.Span, ContractJson.Options) ?? throw new JsonException("A frame is a JSON object.");

    /// <summary>One whole message; null when the viewer closed or sent more than is taken.</summary>
    private static async Task<ReadOnlyMemory<byte>?> Receive(WebSocket socket, byte[] buffer, CancellationToken ct)
    {
        for (var length = 0; ;)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), ct);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }
            length += part.Count;
            if (part.EndOfMessage)
            {
                return buffer.AsMemory(0, length);
            }
            if (length == buffer.Length)
            {
                await socket.CloseAsync(WebSocketCloseStatus.MessageTooBig, $"at most {FrameBytesMax} bytes", ct);
                return null;
            }
        }
    }
}
