using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Exchanges;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Policies;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Routing;
using AgentPlatform.ModelFabric.Scripted;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ModelFabric.Telemetry;
using AgentPlatform.ModelFabric.Tokens;
using AgentPlatform.ModelFabric.Upstream;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ModelFabric.Wire.Embeddings;
using AgentPlatform.ModelFabric.Wire.Messages;
using AgentPlatform.ModelFabric.Wire.Responses;
using AgentPlatform.ModelFabric.Wire.Transcriptions;
using AgentPlatform.ServiceDefaults;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric;

/// <summary>What the service is made of, and what it answers to.</summary>
public static class ModelFabricRoutes
{
    public static IServiceCollection AddModelFabric(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ModelFabricOptions>().Bind(configuration.GetSection(ModelFabricOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ModelFabricOptions>, ModelFabricOptions.Validator>();
        services.AddSingleton(MasterKeySource.From(configuration));
        services.AddSingleton<CallsInFlight>();
        services.AddSingleton<ProviderKeys>();
        services.AddSingleton<ProviderCatalog>();
        services.AddSingleton<ScriptLibrary>();
        services.AddSingleton<AnswerFromScript>();
        services.AddSingleton<UpstreamClient>();
        services.AddSingleton<ForwardCall>();
        services.AddSingleton<ModelRouter>();
        services.AddSingleton<HoldBudgets>();
        services.AddSingleton<HoldPolicies>();
        services.AddSingleton<AnswerFromRecords>();
        services.AddSingleton<TryProvider>();
        services.AddSingleton<ProviderHealth>();
        services.AddSingleton<PlanCall>();
        services.AddSingleton<HedgeCandidates>();
        services.AddSingleton<TryCandidates>();
        services.AddSingleton<FabricTelemetry>();
        services.AddSingleton<CallJournal>();
        services.AddSingleton<RecordCalls>().AddHostedService(static provider => provider.GetRequiredService<RecordCalls>());
        services.AddHostedService<RecoverCalls>();
        services.AddSingleton<AnswerCall>();
        services.AddSingleton<IStartupFilter, AcceptApiKeyHeader>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, RefuseInCallersForm>();
        return services;
    }

    /// <summary>Providers and calls in the event store.</summary>
    public static WebApplicationBuilder AddModelFabricStore(this WebApplicationBuilder builder)
    {
        builder.AddStoreAndBus(
            EventTypes.Of(typeof(ProviderEvent), typeof(ModelCallEvent), typeof(BudgetEvent), typeof(RouteEvent), typeof(PolicyEvent)), static (_, _) => { },
            EventProviderStore.Schema, EventModelCallLog.Schema, PostgresBudgetLedger.Schema);
        builder.Services.AddSingleton<IProviderStore, EventProviderStore>();
        builder.Services.AddSingleton<ISettingStore<Budget>>(services => Settings(services, BudgetStreams.Kind, static options => options.Budgets.BudgetsMax));
        builder.Services.AddSingleton<ISettingStore<Routing.Route>>(services => Settings(services, RouteStreams.Kind, static options => options.Router.RoutesMax));
        builder.Services.AddSingleton<ISettingStore<CallPolicy>>(services => Settings(services, PolicyStreams.Kind, static options => options.Policies.PoliciesMax));
        builder.Services.AddSingleton<PostgresBudgetLedger>().AddSingleton<IBudgetLedger>(services => services.GetRequiredService<PostgresBudgetLedger>());
        builder.Services.AddSingleton<EventModelCallLog>();
        builder.Services.AddSingleton<IModelCallLog>(services => services.GetRequiredService<EventModelCallLog>());
        builder.Services.AddHostedService<ForgetAnswers>();
        return builder;
    }

    private static EventSettings<T, TEvent> Settings<T, TEvent>(IServiceProvider services, SettingKind<T, TEvent> kind, Func<ModelFabricOptions, int> max)
        where T : class, ISetting
        where TEvent : class
    {
        var options = services.GetRequiredService<IOptions<ModelFabricOptions>>().Value;
        return new EventSettings<T, TEvent>(kind, services.GetRequiredService<PostgresEventStore>(), services.GetRequiredService<DecisionWriter>(),
            options.ProvidersFreshFor, max(options), services.GetRequiredService<TimeProvider>());
    }

    public static WebApplication MapModelFabric(this WebApplication app)
    {
        // Built at once: a wrong provider in the configuration stops the start, not the first call.
        _ = app.Services.GetRequiredService<ProviderCatalog>();

        app.UseWhen(http => AnswerErrors.FormatOf(http.Request.Path) is not null, models => models.Use(next => http => AnswerErrors.Invoke(http, next)));
        app.MapPost("/v1/chat/completions", (HttpContext http, AnswerCall call) => call.Handle(http, ChatFormat.Instance)).RequireAuthorization(Access.Call);
        app.MapPost("/v1/responses", (HttpContext http, AnswerCall call) => call.Handle(http, ResponsesFormat.Instance)).RequireAuthorization(Access.Call);
        app.MapPost("/v1/embeddings", (HttpContext http, AnswerCall call) => call.Handle(http, EmbeddingsFormat.Instance)).RequireAuthorization(Access.Call);
        app.MapPost("/v1/audio/transcriptions", (HttpContext http, AnswerCall call) => call.Handle(http, TranscriptionsFormat.Instance)).RequireAuthorization(Access.Call);
        app.MapPost("/anthropic/v1/messages", (HttpContext http, AnswerCall call) => call.Handle(http, MessagesFormat.Instance)).RequireAuthorization(Access.Call);
        app.MapPost("/anthropic/v1/messages/count_tokens", (HttpContext http, AnswerCall call) => call.Handle(http, CountMessagesFormat.Instance)).RequireAuthorization(Access.Call);
        app.MapPost("/v1/tokens/count", CountTokens.Handle).RequireAuthorization(Access.Call);
        app.MapGet("/v1/models", ListModels.InOpenAiForm).RequireAuthorization(Access.Call);
        app.MapGet("/anthropic/v1/models", ListModels.InAnthropicForm).RequireAuthorization(Access.Call);

        app.MapGet("/admin/usage", ListUsage.Handle).RequireAuthorization(Access.Operate);
        var budgets = app.MapGroup("/admin/budgets");
        budgets.MapGet("", ListBudgets.All).RequireAuthorization(Access.Operate);
        budgets.MapGet("{name}", ListBudgets.One).RequireAuthorization(Access.Operate);
        budgets.MapPut("{name}", PutBudget.Handle).RequireAuthorization(Access.Own);
        budgets.MapDelete("{name}", RemoveBudget.Handle).RequireAuthorization(Access.Own);
        var routes = app.MapGroup("/admin/routes");
        routes.MapGet("", ListRoutes.All).RequireAuthorization(Access.Operate);
        routes.MapGet("{name}", ListRoutes.One).RequireAuthorization(Access.Operate);
        routes.MapPut("{name}", PutRoute.Handle).RequireAuthorization(Access.Own);
        routes.MapDelete("{name}", ListRoutes.Remove).RequireAuthorization(Access.Own);
        routes.MapPost("explain", ExplainRoute.Handle).RequireAuthorization(Access.Operate);
        app.MapGet("/admin/calls", ListCalls.Handle).RequireAuthorization(Access.Operate);
        app.MapGet("/admin/calls/{id:guid}/texts", ShowTexts.Handle).RequireAuthorization(Access.Own);
        var policies = app.MapGroup("/admin/policies");
        policies.MapGet("", ListPolicies.All).RequireAuthorization(Access.Operate);
        policies.MapGet("{name}", ListPolicies.One).RequireAuthorization(Access.Operate);
        policies.MapPost("test", TestPolicies.Handle).RequireAuthorization(Access.Operate);
        policies.MapPut("{name}", PutPolicy.Handle).RequireAuthorization(Access.Own);
        policies.MapDelete("{name}", ListPolicies.Remove).RequireAuthorization(Access.Own);

        var admin = app.MapGroup("/admin/providers");
        admin.MapGet("", ListProviders.All).RequireAuthorization(Access.Operate);
        admin.MapGet("{name}", ListProviders.One).RequireAuthorization(Access.Operate);
        admin.MapPut("{name}", PutProvider.Handle).RequireAuthorization(Access.Own);
        admin.MapPost("{name}/test", TestProvider.Handle).RequireAuthorization(Access.Operate);
        admin.MapPut("{name}/keys/{principal}", PutPrincipalKey.Handle).RequireAuthorization(Access.Own);
        admin.MapDelete("{name}/keys/{principal}", RemovePrincipalKey.Handle).RequireAuthorization(Access.Own);
        admin.MapDelete("{name}", RemoveProvider.Handle).RequireAuthorization(Access.Own);
        return app;
    }
}
