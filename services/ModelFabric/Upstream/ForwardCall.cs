using System.Buffers;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Vault;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Embeddings;
using AgentPlatform.ModelFabric.Wire.Gemini;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>
/// The way to a provider and back. To one of the caller's format only the model's name is changed on the way out and nothing on
/// the way back; to any other the request is translated, and the answer back.
/// </summary>
public sealed class ForwardCall(UpstreamClient client, ProviderKeys keys, IOptions<ModelFabricOptions> options, TimeProvider time)
{
    private const int ReadBytes = 16 * 1024;

    /// <summary>Shorter keys are placeholders such as "ollama" that may well appear in an answer.</summary>
    private const int EchoLengthMin = 16;

    private readonly ModelFabricOptions.UpstreamOptions _options = options.Value.Upstream;

    public async Task Answer(ProviderEntry provider, ModelCall call, AnswerSink sink, CancellationToken ct)
    {
        var request = Prepare(provider, call, sink);
        var key = keys.Open(provider, call.Principal);
        using var patience = new Patience(_options.CallDurationMax, time, ct);
        try
        {
            using var response = await client.Send(provider, key, request, patience);
            if (!response.IsSuccessStatusCode)
            {
                var body = await ReadAll(response, _options.ErrorBytesMax, patience, cut: true);
                throw MapUpstreamError.From(provider.Name, response.StatusCode, UpstreamClient.RetryAfter(response, time), body.Span, key, _options.ErrorCharactersMax);
            }
            if (!call.Request.Stream)
            {
                if (!call.Request.Format.AnswersJson && response.Content.Headers.ContentType is { } type)
                {
                    sink.ContentType = type.ToString();
                }
                TakeWhole(provider, await ReadAll(response, _options.AnswerBytesMax, patience, cut: false), Echo(key), sink);
                return;
            }
            if (!IsEventStream(response.Content.Headers.ContentType))
            {
                throw ModelCallException.Upstream("upstream_not_streaming",
                    $"Provider '{provider.Name}' was asked to stream and answered with {response.Content.Headers.ContentType?.MediaType ?? "no content type"}.");
            }
            await using var events = await response.Content.ReadAsStreamAsync(patience.Token);
            await new RelayEvents(provider.Name, sink, patience, _options, Echo(key)).Run(events);
        }
        catch (OperationCanceledException stopped)
        {
            throw patience.Explain(provider.Name) ?? (ct.IsCancellationRequested
                ? stopped as Exception
                : ModelCallException.Upstream("upstream_unreachable", Unreachable(provider, $"no connection within {_options.ConnectTimeout.TotalSeconds:0.###} s"), inner: stopped));
        }
        catch (HttpRequestException failed)
        {
            throw failed.HttpRequestError is HttpRequestError.SecureConnectionError
                ? ModelCallException.Upstream("upstream_unreachable", $"TLS with provider '{provider.Name}' at {provider.BaseUrl.GetLeftPart(UriPartial.Authority)} failed, and nothing was sent: {failed.InnerException?.Message ?? failed.Message} Is its certificate valid for that name and trusted here, and does it speak TLS at all?", inner: failed)
                : failed.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
                ? ModelCallException.Upstream("upstream_unreachable", Unreachable(provider, failed.HttpRequestError.ToString()), inner: failed)
                : Disconnected(provider, failed);
        }
        catch (IOException broken)
        {
            throw Disconnected(provider, broken);
        }
    }

    private UpstreamRequest Prepare(ProviderEntry provider, ModelCall call, AnswerSink sink)
    {
        var (format, dialect) = (call.Request.Format, provider.Dialect);
        if (dialect.Speaks.Contains(format.Name))
        {
            return UpstreamRequest.PassThrough(call);
        }
        var passage = new Passage(format.Name, dialect.Format.Name);
        if (format == EmbeddingsFormat.Instance && dialect.Format == GeminiFormat.Instance)
        {
            return GeminiEmbeddings.Prepare(call, passage, sink);
        }
        var request = UpstreamRequest.Translated(call, dialect, passage, options.Value.AnswerTokensMaxDefault);
        sink.Translate(dialect.Format.Reader(call.Id), format.Writer(call.Head), passage.Hints);
        return request;
    }

    private static void TakeWhole(ProviderEntry provider, ReadOnlyMemory<byte> body, byte[]? echo, AnswerSink sink)
    {
        if (echo is not null && body.Span.IndexOf(echo) >= 0)
        {
            throw RelayEvents.Echoed(provider.Name);
        }
        try
        {
            sink.Whole(body);
        }
        catch (JsonException wrong)
        {
            throw ModelCallException.Upstream("upstream_invalid_answer", $"Provider '{provider.Name}' answered with something that is no JSON object. Is its base URL right?", inner: wrong);
        }
    }

    private async Task<ReadOnlyMemory<byte>> ReadAll(HttpResponseMessage response, int max, Patience patience, bool cut)
    {
        await using var body = await response.Content.ReadAsStreamAsync(patience.Token);
        var all = new ArrayBufferWriter<byte>((int)Math.Clamp(response.Content.Headers.ContentLength ?? ReadBytes, 1, max));
        while (true)
        {
            var read = await body.ReadAsync(all.GetMemory(ReadBytes), patience.Token);
            if (read == 0)
            {
                return all.WrittenMemory;
            }
            patience.Await(_options.IdleTimeout, "more of its answer");
            all.Advance(read);
            if (all.WrittenCount > max)
            {
                return cut ? all.WrittenMemory[..max] : throw ModelCallException.Upstream("upstream_answer_too_large", $"The answer exceeds {max} bytes (ModelFabric:Upstream:AnswerBytesMax).");
            }
        }
    }

    private static byte[]? Echo(Secret? key) => key?.Reveal() is { Length: >= EchoLengthMin } text ? Encoding.UTF8.GetBytes(text) : null;

    private static bool IsEventStream(MediaTypeHeaderValue? type) => type?.MediaType?.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase) == true;

    private static string Unreachable(ProviderEntry provider, string why) =>
        $"Provider '{provider.Name}' cannot be reached at {provider.BaseUrl.GetLeftPart(UriPartial.Authority)} ({why}). Is it running?";

    private static ModelCallException Disconnected(ProviderEntry provider, Exception cause) =>
        ModelCallException.Upstream("upstream_disconnected", $"Provider '{provider.Name}' closed the connection before its answer was complete.", inner: cause);
}
