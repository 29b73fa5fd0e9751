using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Chat;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Scripted;
using AgentPlatform.ModelFabric.Telemetry;
using AgentPlatform.ModelFabric.Upstream;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric;

/// <summary>What the service is made of, and what it answers to.</summary>
public static class ModelFabricRoutes
{
    public static IServiceCollection AddModelFabric(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ModelFabricOptions>().Bind(configuration.GetSection(ModelFabricOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ModelFabricOptions>, ModelFabricOptions.Validator>();
        services.AddSingleton(MasterKeySource.FromEnvironment(configuration));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IProviderStore, InMemoryProviderStore>();
        services.TryAddSingleton<IModelCallLog>(new InMemoryModelCallLog());
        services.AddSingleton<CallsInFlight>();
        services.AddSingleton<ProviderKeys>();
        services.AddSingleton<ProviderCatalog>();
        services.AddSingleton<ScriptLibrary>();
        services.AddSingleton<AnswerFromScript>();
        services.AddSingleton<UpstreamClient>();
        services.AddSingleton<ForwardCall>();
        services.AddSingleton<ModelRouter>();
        services.AddSingleton<FabricTelemetry>();
        services.AddSingleton<CompleteChat>();
        services.AddMetrics();
        services.AddProblemDetails();
        return services;
    }

    public static WebApplication MapModelFabric(this WebApplication app)
    {
        // Built at once: a wrong provider in the configuration stops the start, not the first call.
        _ = app.Services.GetRequiredService<ProviderCatalog>();

        app.UseWhen(http => http.Request.Path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase), openAi => openAi.Use(next => http => AnswerErrors.Invoke(http, next)));
        app.MapPost("/v1/chat/completions", (HttpContext http, CompleteChat chat) => chat.Handle(http));
        app.MapGet("/v1/models", ListModels.Handle);

        var admin = app.MapGroup("/admin/providers");
        admin.MapGet("", ListProviders.All);
        admin.MapGet("{name}", ListProviders.One);
        admin.MapPut("{name}", PutProvider.Handle);
        admin.MapDelete("{name}", RemoveProvider.Handle);
        return app;
    }
}
