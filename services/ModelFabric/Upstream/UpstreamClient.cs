using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Vault;
using Microsoft.Extensions.Options;
using Polly;
using Polly.Retry;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>
/// Sends a request until headers come back that are worth something: connection failures, 429 and 5xx are tried again,
/// bounded, with backoff or as long as the provider asked for. After the headers nothing is repeated.
/// </summary>
public sealed class UpstreamClient : IDisposable
{
    private static readonly ResiliencePropertyKey<Patience> PatienceKey = new("patience");
    private readonly HttpMessageInvoker _http;
    private readonly HttpMessageInvoker _local;
    private readonly ModelFabricOptions.UpstreamOptions _options;
    private readonly ResiliencePipeline<HttpResponseMessage> _retries;
    private readonly TimeProvider _time;

    public UpstreamClient(IOptions<ModelFabricOptions> options, TimeProvider time)
    {
        (_options, _time) = (options.Value.Upstream, time);
        _http = new HttpMessageInvoker(Handler(connect: null));
        _local = new HttpMessageInvoker(Handler(LoopbackSockets.Connect));
        _retries = Retries();
    }

    private SocketsHttpHandler Handler(Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect)
    {
        var handler = new SocketsHttpHandler
        {
            // A redirect would carry request and key to a host nobody agreed to.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = _options.UseSystemProxy,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = _options.ConnectTimeout,
            MaxConnectionsPerServer = _options.ConnectionsPerServerMax,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            // Our trace ids are nobody else's business.
            ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
        };
        if (connect is not null)
        {
            // A proxy named by the environment would take calls to local models off the machine.
            (handler.ConnectCallback, handler.UseProxy) = (connect, false);
        }
        return handler;
    }

    public async Task<HttpResponseMessage> Send(ProviderEntry provider, Secret? key, UpstreamRequest request, Patience patience)
    {
        var context = ResilienceContextPool.Shared.Get(patience.Token);
        context.Properties.Set(PatienceKey, patience);
        try
        {
            return await _retries.ExecuteAsync(
                static async (ctx, state) => await state.Self.SendOnce(state.provider, state.key, state.request, ctx), context,
                (Self: this, provider, key, request));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>How long a response asks to wait, as seconds or as a date.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > time.GetUtcNow() ? date - time.GetUtcNow() : TimeSpan.Zero,
        _ => null,
    };

    public void Dispose()
    {
        _http.Dispose();
        _local.Dispose();
    }

    private async Task<HttpResponseMessage> SendOnce(ProviderEntry provider, Secret? key, UpstreamRequest request, ResilienceContext context)
    {
        // A fresh message each time: one that was sent cannot be sent again.
        using var message = new HttpRequestMessage(HttpMethod.Post, $"{provider.BaseUrl.ToString().TrimEnd('/')}/{request.Path}")
        {
            Content = request.Content(),
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher,
        };
        // As they are: taking apart what we have just put together costs more than the rest of this.
        message.Headers.TryAddWithoutValidation("Accept", request.Stream ? "text/event-stream" : "application/json");
        message.Headers.TryAddWithoutValidation("User-Agent", "AgentPlatform");
        foreach (var (name, value) in request.Headers)
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }
        if (key is not null && provider.Dialect.KeyHeader is { } header)
        {
            message.Headers.TryAddWithoutValidation(header, key.Reveal());
        }
        else if (key is not null)
        {
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Reveal());
        }
        context.Properties.GetValue(PatienceKey, null!).Await(_options.FirstByteTimeout, "the first byte of its answer");
        return await (provider.IsLocal ? _local : _http).SendAsync(message, context.CancellationToken);
    }

    private ResiliencePipeline<HttpResponseMessage> Retries()
    {
        if (_options.RetriesMax == 0)
        {
            return ResiliencePipeline<HttpResponseMessage>.Empty;
        }
        return new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _time }.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            MaxRetryAttempts = _options.RetriesMax,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = _options.RetryDelay,
            MaxDelay = _options.RetryAfterMax,
            ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome switch
            {
                { Exception: HttpRequestException } => true,
                // The handler reports its connect timeout as a cancellation; ours and the client's carry a cancelled token.
                { Exception: OperationCanceledException } => !attempt.Context.CancellationToken.IsCancellationRequested,
                { Result: { } response } => IsTransient(response.StatusCode) && (RetryAfter(response, _time) ?? TimeSpan.Zero) <= _options.RetryAfterMax,
                _ => false,
            }),
            DelayGenerator = attempt =>
            {
                attempt.Context.Properties.GetValue(PatienceKey, null!).Pause();
                return ValueTask.FromResult(attempt.Outcome.Result is { } response ? RetryAfter(response, _time) : null);
            },
        }).Build();
    }

    private static bool IsTransient(HttpStatusCode status) =>
        status is HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or (HttpStatusCode)529;
}
