using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace AgentPlatform.AppHost.Tests.Dashboard;

/// <summary>What the dashboard's gRPC client does on the wire, for one call.</summary>
internal sealed class GrpcClient(string url, string? key) : IDisposable
{
    internal static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private readonly HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout.InfiniteTimeSpan };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Calls a method; the answers are read one by one.</summary>
    public async Task<GrpcAnswers> Call(string method, IMessage request, bool keepOpen = false)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, $"{url}/aspire.v1.DashboardService/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = keepOpen ? new OpenContent() : new ByteArrayContent(Framed(request)),
        };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        if (key is not null)
        {
            message.Headers.Add("x-resource-service-api-key", key);
        }

        return new GrpcAnswers(await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, Ct).WaitAsync(Deadline, Ct));
    }

    public void Dispose() => client.Dispose();

    private static byte[] Framed(IMessage message)
    {
        var bytes = new byte[5 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), bytes.Length - 5);
        message.WriteTo(bytes.AsSpan(5));
        return bytes;
    }

    /// <summary>A request that says nothing and does not end, as the dashboard's interaction stream.</summary>
    private sealed class OpenContent : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

internal sealed class GrpcAnswers(HttpResponseMessage response) : IDisposable
{
    private Stream? stream;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public bool IsOpen => response.StatusCode == HttpStatusCode.OK && !response.Headers.Contains("grpc-status");

    /// <summary>The next answer; null when the call has ended.</summary>
    public async Task<T?> Next<T>(MessageParser<T> parser)
        where T : class, IMessage<T>
    {
        stream ??= await response.Content.ReadAsStreamAsync(Ct);
        var prefix = new byte[5];
        if (await stream.ReadAtLeastAsync(prefix, 5, throwOnEndOfStream: false, Ct).AsTask().WaitAsync(GrpcClient.Deadline, Ct) < 5)
        {
            return null;
        }

        var body = new byte[BinaryPrimitives.ReadInt32BigEndian(prefix.AsSpan(1))];
        await stream.ReadExactlyAsync(body, Ct);
        return parser.ParseFrom(body);
    }

    /// <summary>The status, from the trailers or from the header of a call that had no answer.</summary>
    public async Task<int> Status()
    {
        stream ??= await response.Content.ReadAsStreamAsync(Ct);
        await stream.CopyToAsync(Stream.Null, Ct).WaitAsync(GrpcClient.Deadline, Ct);
        var fields = response.TrailingHeaders.TryGetValues("grpc-status", out var trailing) ? trailing : response.Headers.GetValues("grpc-status");
        return int.Parse(fields.Single());
    }

    public void Dispose() => response.Dispose();
}
