using System.Net.Http.Headers;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Wire.Messages;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>A request as it goes to a provider.</summary>
/// <param name="Path">Behind the base URL.</param>
/// <param name="Stream">Whether events are expected.</param>
/// <param name="Content">Makes the body; a body that was sent cannot be sent again.</param>
/// <param name="Headers">Beside those every request has.</param>
public sealed record UpstreamRequest(string Path, bool Stream, Func<HttpContent> Content, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    private static readonly KeyValuePair<string, string> AnthropicVersion = new(MessagesFormat.Version, MessagesFormat.VersionDefault);

    /// <summary>The caller's bytes, for a provider of the caller's format.</summary>
    public static UpstreamRequest PassThrough(ModelCall call)
    {
        var (request, format) = (call.Request, call.Request.Format);
        var headers = format is MessagesFormat or CountMessagesFormat && request.Headers.All(header => header.Key != MessagesFormat.Version) ? [AnthropicVersion, .. request.Headers] : request.Headers;
        return new UpstreamRequest(format.Path(call.Model, request.Stream), request.Stream, () => new SplicedContent(request, call.Model), headers);
    }

    /// <summary>The caller's wish in the provider's words; what cannot be said there is refused here, before anything is sent.</summary>
    public static UpstreamRequest Translated(ModelCall call, Dialect dialect, Passage passage, int tokensMaxDefault)
    {
        var target = dialect.Format;
        var body = EventBytes.Json(target.Write(call.Request.Format.Read(call.Request.Body, passage), call.Model, dialect, tokensMaxDefault));
        return new UpstreamRequest(target.Path(call.Model, call.Request.Stream), call.Request.Stream, () => Json(body), target == MessagesFormat.Instance ? [AnthropicVersion] : []);
    }

    private static ByteArrayContent Json(byte[] body) => new(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
}
