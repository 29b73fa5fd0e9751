using System.Net;
using System.Net.Http.Headers;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>The client's body with another model name in it; every other byte is the client's own.</summary>
public sealed class SplicedContent : HttpContent
{
    private readonly ReadOnlyMemory<byte> _before;
    private readonly ReadOnlyMemory<byte> _model;
    private readonly ReadOnlyMemory<byte> _after;

    public SplicedContent(CallRequest request, string model)
    {
        _before = request.Body[..request.ModelToken.Start];
        _model = request.Token(model);
        _after = request.Body[request.ModelToken.End..];
        Headers.ContentType = MediaTypeHeaderValue.Parse(request.ContentType);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_before, cancellationToken);
        await stream.WriteAsync(_model, cancellationToken);
        await stream.WriteAsync(_after, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _before.Length + _model.Length + _after.Length;
        return true;
    }
}
