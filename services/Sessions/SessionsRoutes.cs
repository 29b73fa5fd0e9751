using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Sessions.Inbox;
using AgentPlatform.Sessions.Live;
using Microsoft.Extensions.Options;

namespace AgentPlatform.Sessions;

/// <summary>What the service is made of, and what it answers to.</summary>
public static class SessionsRoutes
{
    public static WebApplicationBuilder AddSessions(this WebApplicationBuilder builder)
    {
        builder.AddStoreAndBus(EventTypes.Of(typeof(SessionEvent), typeof(HumanRequestEvent)), static (bus, _) => bus
            .On<RequestDecision, HumanRequest, HumanRequestEvent>(HumanRequest.Stream, message => message.Request.ToString(), AskHuman.Handle)
            .On<WithdrawRequest, HumanRequest, HumanRequestEvent>(HumanRequest.Stream, message => message.Request.ToString(), WithdrawFromInbox.Handle)
            .On<ExpireRequest, HumanRequest, HumanRequestEvent>(HumanRequest.Stream, message => message.Request.ToString(), WhenRequestIsOverdue.Handle));

        var services = builder.Services;
        services.AddOptions<SessionsOptions>().Bind(builder.Configuration.GetSection(SessionsOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<SessionsOptions>, SessionsOptions.Validator>();
        services.AddSingleton<SessionFolders>();
        services.AddSingleton<LiveFeed>();
        services.AddSingleton<LiveSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<LiveSessions>());
        services.AddHostedService<ForgetRecordings>();
        return builder;
    }

    public static WebApplication MapSessions(this WebApplication app)
    {
        // A viewer that has gone without a word is noticed by the missing pong.
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(15), KeepAliveTimeout = TimeSpan.FromSeconds(15) });

        var sessions = app.MapGroup("/v1/sessions");
        sessions.MapPost("", ManageSessions.Open).RequireAuthorization(Access.Operate);
        sessions.MapGet("", ManageSessions.List).RequireAuthorization(Access.Read);
        sessions.MapGet("{id}", ManageSessions.One).RequireAuthorization(Access.Read);
        sessions.MapPost("{id}/close", ManageSessions.Close).RequireAuthorization(Access.Operate);
        sessions.MapGet("{id}/recording", ManageSessions.Recording).RequireAuthorization(Access.Read);
        sessions.MapGet("{id}/stream", StreamSession.Handle).RequireAuthorization(Access.Read).ExcludeFromDescription();

        var requests = app.MapGroup("/v1/requests");
        requests.MapGet("", ListRequests.Page).RequireAuthorization(Access.Read);
        requests.MapGet("{id}", ListRequests.One).RequireAuthorization(Access.Read);
        requests.MapPost("{id}/decide", AnswerRequest.Handle).RequireAuthorization(Access.Approve);
        return app;
    }
}
