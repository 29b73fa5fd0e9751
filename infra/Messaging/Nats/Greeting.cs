using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AgentPlatform.Messaging;

/// <summary>Greets a server as a client would, to learn whether it is worth a connection of the client library.</summary>
/// <remarks>
/// A connection that the library fails to make leaves a thread of the pool behind, blocked for ever (its queue of callbacks waits for the first one). A few
/// minutes without NATS, and nothing else in the process found a thread. So the library is only given servers that have just answered.
/// </remarks>
internal static class Greeting
{
    private const int LineLengthMax = 64 * 1024;
    private const int LinesMax = 16;

    /// <summary>Connects, shows the token and waits for one answer; with TLS, only until the server speaks.</summary>
    /// <param name="url">The server.</param>
    /// <param name="token">Shown to it, when there is one.</param>
    /// <param name="within">Bound of the connect and of every wait for more bytes.</param>
    /// <exception cref="IOException">The server is not there, does not answer, or refuses.</exception>
    public static void Exchange(string url, string? token, TimeSpan within)
    {
        try
        {
            var server = new Uri(url);
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            using var patience = new CancellationTokenSource(within);
            socket.ConnectAsync(new DnsEndPoint(server.Host, server.Port), patience.Token).AsTask().GetAwaiter().GetResult();
            (socket.SendTimeout, socket.ReceiveTimeout) = ((int)within.TotalMilliseconds, (int)within.TotalMilliseconds);
            using var stream = new BufferedStream(new NetworkStream(socket));
            var info = Line(stream);
            if (!info.StartsWith("INFO ", StringComparison.Ordinal))
            {
                throw new IOException("what answers there is no NATS server");
            }

            if (server.Scheme == "tls" || (JsonDocument.Parse(info["INFO ".Length..]).RootElement.TryGetProperty("tls_required", out var tls) && tls.GetBoolean()))
            {
                return;
            }

            stream.Write(Encoding.UTF8.GetBytes($"CONNECT {JsonSerializer.Serialize(new { verbose = false, pedantic = false, auth_token = token })}\r\nPING\r\n"));
            stream.Flush();
            for (var lines = 0; lines < LinesMax; lines++)
            {
                var line = Line(stream);
                if (line == "PONG")
                {
                    return;
                }

                if (line.StartsWith("-ERR", StringComparison.Ordinal))
                {
                    throw new IOException($"the server refused: {line["-ERR".Length..].Trim()}");
                }
            }

            throw new IOException("the server did not answer a PING");
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
        catch (OperationCanceledException e)
        {
            throw new IOException($"no connection within {within.TotalSeconds:0.#} s", e);
        }
        catch (JsonException e)
        {
            throw new IOException("what answers there is no NATS server", e);
        }
    }

    private static string Line(Stream stream)
    {
        var line = new List<byte>();
        for (int read; (read = stream.ReadByte()) != '\n'; line.Add((byte)read))
        {
            if (read < 0 || line.Count >= LineLengthMax)
            {
                throw new IOException("the server ended the connection while it was greeted");
            }
        }

        return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
    }
}
