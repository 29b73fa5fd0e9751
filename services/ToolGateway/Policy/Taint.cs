using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>
/// Whether content from outside (web, MCP, mail) has come into a workspace, or before an agent: from then on it may speak through the agent that works there, and
/// through the agent that read it, wherever that goes.
/// </summary>
public abstract record Taint
{
    private Taint()
    {
    }

    /// <summary>The kind of stream; one for each workspace, and one for each agent.</summary>
    public static StreamKind<Taint, TaintEvent> Kind { get; } = new("taint", new Clean(), (_, fact) => fact is TaintEvent.CameIn came ? new Tainted(came) : new Clean());

    /// <summary>Only what the user brought.</summary>
    public sealed record Clean : Taint;

    /// <summary>Something came in.</summary>
    public sealed record Tainted(TaintEvent.CameIn Last) : Taint;
}

/// <summary>What became of the cleanliness of a workspace or an agent.</summary>
public abstract record TaintEvent
{
    private TaintEvent()
    {
    }

    /// <summary>A tool that reaches outside answered.</summary>
    [StoredAs("taint-came-in.1")]
    public sealed record CameIn(InvocationId Invocation, string Tool, DateTimeOffset At) : TaintEvent;
}
