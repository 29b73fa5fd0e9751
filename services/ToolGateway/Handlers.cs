using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Invocations;

namespace AgentPlatform.ToolGateway;

/// <summary>Every message this service handles.</summary>
internal static class Handlers
{
    // A tool waits for a process or a disk more than it uses a core; what confines it bounds each one.
    private const int ToolsAtOnceMax = 16;

    public static void Register(Bus bus, IServiceProvider services) => bus
        .Do<InvokeTool>((message, context, ct) => services.GetRequiredService<RequestInvocation>().Handle(message, context, ct), new HandlerOptions { Key = m => ((InvokeTool)m).Invocation.ToString() })
        .Do<RequestDecided>((message, context, ct) => services.GetRequiredService<HearDecision>().Handle(message, context, ct), new HandlerOptions { Key = m => ((RequestDecided)m).Request.ToString() })
        .Do<RunInvocation>((message, context, ct) => services.GetRequiredService<ExecuteInvocation>().Handle(message, context, ct), HandlerOptions.Unordered(ToolsAtOnceMax))
        .Do<CancelInvocation>((message, context, ct) => services.GetRequiredService<StopInvocation>().Handle(message, context, ct), HandlerOptions.Unordered());
}
