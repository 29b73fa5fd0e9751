using System.Net;
using AgentPlatform.Contracts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Polly;
using Polly.Retry;

namespace AgentPlatform.ServiceDefaults;

/// <summary>HTTP clients of the other services: address from <c>services:&lt;name&gt;:http:0</c>, the service's own token, retries of what may be repeated.</summary>
public static class ServiceClients
{
    /// <summary>Registers an <see cref="HttpClient"/> under the service's name.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="service">One of <see cref="ServiceNames"/>.</param>
    /// <param name="timeout">Upper bound of one call with its retries.</param>
    public static IServiceCollection AddServiceClient(this IServiceCollection services, string service, TimeSpan timeout)
    {
        services.AddTransient<ServiceToken>();
        services.AddHttpClient(service, (sp, http) =>
        {
            var key = $"services:{service}:http:0";
            http.BaseAddress = Uri.TryCreate(sp.GetRequiredService<IConfiguration>()[key], UriKind.Absolute, out var address)
                ? address
                : throw new InvalidOperationException($"The address of {service} is missing: set {key.Replace(":", "__")}, for example http://127.0.0.1:7101");
            http.Timeout = timeout;
        }).AddHttpMessageHandler<ServiceToken>().AddHttpMessageHandler(static () => new RetryTransport());
        return services;
    }

    /// <summary>A typed client of a service registered with <see cref="AddServiceClient"/>.</summary>
    /// <typeparam name="T">Its REST interface.</typeparam>
    /// <param name="clients">The factory.</param>
    /// <param name="service">One of <see cref="ServiceNames"/>.</param>
    public static T Of<T>(this IHttpClientFactory clients, string service)
    {
        ArgumentNullException.ThrowIfNull(clients);
        return RestClients.For<T>(clients.CreateClient(service));
    }

    /// <summary>Adds the token of this service (<c>AGENTPLATFORM_SERVICE_TOKEN_FILE</c>) unless the caller gave one.</summary>
    private sealed class ServiceToken(IConfiguration configuration) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Headers.Authorization is null && configuration["AGENTPLATFORM_SERVICE_TOKEN_FILE"] is { Length: > 0 } file)
            {
                request.Headers.Authorization = new("Bearer", (await File.ReadAllTextAsync(file, cancellationToken)).Trim());
            }

            return await base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Repeats what may be repeated: reads, and writes that carry an idempotency key.</summary>
    private sealed class RetryTransport : DelegatingHandler
    {
        private static readonly ResiliencePipeline<HttpResponseMessage> Pipeline = new ResiliencePipelineBuilder<HttpResponseMessage>()
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = 4,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromMilliseconds(100),
                MaxDelay = TimeSpan.FromSeconds(2),
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>()
                    .Handle<HttpRequestException>()
                    .HandleResult(r => r.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout),
            })
            .Build();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var repeatable = (request.Method == HttpMethod.Get || request.Headers.Contains("Idempotency-Key")) && request.Content is null or ByteArrayContent;
            return repeatable
                ? await Pipeline.ExecuteAsync(async ct => await base.SendAsync(request, ct), cancellationToken)
                : await base.SendAsync(request, cancellationToken);
        }
    }
}
