using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Policy;

namespace AgentPlatform.ToolGateway.Invocations;

internal static class InvocationSetup
{
    /// <summary>The ledger, and what it asks. Added after the store and the bus, which it needs to its end.</summary>
    public static IServiceCollection AddInvocations(this IServiceCollection services, InvocationOptions options) => services
        .AddSingleton<PolicyBook>().AddSingleton<TaintBook>().AddSingleton<GrantBook>().AddSingleton<HearDecision>().AddSingleton<SimulatePolicy>()
        .AddSingleton<RequestInvocation>().AddSingleton<CallTool>().AddSingleton<RunningCalls>().AddSingleton<ExecuteInvocation>().AddSingleton<StopInvocation>()
        .AddSingleton<GatewayLife>().AddHostedService(provider => provider.GetRequiredService<GatewayLife>())
        .AddSingleton(options).AddHostedService<RecoverCalls>()
        .AddSingleton<CallsHere>().AddHostedService(provider => provider.GetRequiredService<CallsHere>());
}
