namespace AgentPlatform.ModelFabric.Wire;

/// <summary>Anthropic's clients send their key, here a platform token, as <c>x-api-key</c>; on their routes it counts as a bearer token.</summary>
public sealed class AcceptApiKeyHeader : IStartupFilter
{
    private const string ApiKey = "x-api-key";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((http, following) =>
        {
            if (http.Request.Path.StartsWithSegments("/anthropic", StringComparison.OrdinalIgnoreCase)
                && http.Request.Headers.Authorization.Count == 0 && http.Request.Headers[ApiKey] is [{ Length: > 0 } token])
            {
                http.Request.Headers.Authorization = "Bearer " + token;
            }
            return following(http);
        });
        next(app);
    };
}
