using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace AgentPlatform.AppHost.Dashboard;

/// <summary>The status codes of gRPC that we use.</summary>
internal enum GrpcStatus
{
    Ok = 0,
    InvalidArgument = 3,
    Unimplemented = 12,
    Internal = 13,
    Unauthenticated = 16,
}

/// <summary>
/// One gRPC call on an HTTP/2 request: length-prefixed messages both ways and a status in the trailers. The server packages of gRPC do not
/// restore here, and this is the whole of the protocol that a loopback service without compression needs.
/// </summary>
internal sealed class GrpcCall(HttpContext http)
{
    private const int PrefixLength = 5;

    /// <summary>No message of this contract comes near; a longer one is an error of the caller.</summary>
    private const int MessageBytesMax = 1024 * 1024;

    /// <summary>Cancelled when the caller goes away.</summary>
    public CancellationToken Aborted => http.RequestAborted;

    /// <summary>Runs a method as a gRPC call; what it throws becomes a status instead of a broken stream.</summary>
    public static async Task Handle(HttpContext http, Func<GrpcCall, Task> method)
    {
        // A stream on which the caller says nothing for hours is normal here; Kestrel would take it for an attack.
        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        http.Response.ContentType = "application/grpc";
        try
        {
            await method(new GrpcCall(http));
            Finish(http, GrpcStatus.Ok, "");
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The caller left; nobody reads a status.
        }
        catch (InvalidDataException error)
        {
            Finish(http, GrpcStatus.InvalidArgument, error.Message);
        }
        catch (Exception error) when (!http.RequestAborted.IsCancellationRequested)
        {
            Finish(http, GrpcStatus.Internal, error.Message);
        }
    }

    /// <summary>Ends a call that never began.</summary>
    public static void Refuse(HttpContext http, GrpcStatus status, string message)
    {
        http.Response.ContentType = "application/grpc";
        Finish(http, status, message);
    }

    /// <summary>The next message of the caller; null when it has said all.</summary>
    public async Task<T?> Read<T>(MessageParser<T> parser)
        where T : class, IMessage<T>
    {
        while (true)
        {
            var result = await http.Request.BodyReader.ReadAsync(Aborted);
            if (TryTake(result.Buffer, out var message, out var rest))
            {
                var parsed = parser.ParseFrom(message);
                http.Request.BodyReader.AdvanceTo(rest);
                return parsed;
            }

            http.Request.BodyReader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (result.IsCompleted)
            {
                return result.Buffer.IsEmpty ? null : throw new InvalidDataException("the request ended in the middle of a message");
            }
        }
    }

    /// <summary>The one message of a call that has one.</summary>
    public async Task<T> ReadOnly<T>(MessageParser<T> parser)
        where T : class, IMessage<T> => await Read(parser) ?? throw new InvalidDataException("the request holds no message");

    /// <summary>Tells the caller that the stream is open, before there is anything to say.</summary>
    public async Task Open() => await http.Response.BodyWriter.FlushAsync(Aborted);   // StartAsync alone leaves the headers in the buffer.

    /// <summary>Sends a message now; the caller sees each as it comes.</summary>
    public async Task Write(IMessage message)
    {
        var length = message.CalculateSize();
        var writer = http.Response.BodyWriter;
        var prefix = writer.GetSpan(PrefixLength);
        prefix[0] = 0;   // Not compressed.
        BinaryPrimitives.WriteInt32BigEndian(prefix[1..], length);
        writer.Advance(PrefixLength);
        message.WriteTo((IBufferWriter<byte>)writer);
        await writer.FlushAsync(Aborted);
    }

    private static bool TryTake(ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> message, out SequencePosition rest)
    {
        message = default;
        rest = buffer.Start;
        if (buffer.Length < PrefixLength)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[PrefixLength];
        buffer.Slice(0, PrefixLength).CopyTo(prefix);
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (prefix[0] != 0 || length > MessageBytesMax)
        {
            throw new InvalidDataException($"a message is compressed or longer than {MessageBytesMax} bytes");
        }

        if (buffer.Length < PrefixLength + length)
        {
            return false;
        }

        message = buffer.Slice(PrefixLength, length);
        rest = message.End;
        return true;
    }

    private static void Finish(HttpContext http, GrpcStatus status, string message)
    {
        // Once the body has begun, the status can only follow it; before, it may stand in the header, and then no body is expected.
        var fields = http.Response.HasStarted ? http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers : http.Response.Headers;
        fields["grpc-status"] = $"{(int)status}";
        if (message.Length > 0)
        {
            fields["grpc-message"] = Uri.EscapeDataString(message);
        }
    }
}
