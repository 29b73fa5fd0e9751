using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>Which of a call's workspace and author content from outside has come to.</summary>
/// <param name="Workspace">Into its workspace.</param>
/// <param name="Author">Before the task or agent that makes it; false where nobody is known to be one.</param>
/// <param name="AuthorId">Whose stream tells of that.</param>
internal sealed record TaintOf(bool Workspace, bool Author, string? AuthorId)
{
    public bool Any => Workspace || Author;

    /// <summary>
    /// What comes in with the start of a call, by stream. Told with the start, not with the end: what a tool brings in may lie in the workspace before anybody hears of
    /// its result.
    /// </summary>
    public IEnumerable<(string Stream, TaintEvent.CameIn Fact)> Comes(ToolSpec tool, InvokeTool call, DateTimeOffset now)
    {
        if (tool.OpenWorld || tool.HostsOf(call.Arguments).Count > 0)
        {
            var fact = new TaintEvent.CameIn(call.Invocation, tool.Id, now);
            if (!Workspace)
            {
                yield return (Taint.Kind.StreamId(call.Workspace.ToString()), fact);
            }

            if (AuthorId is not null && !Author)
            {
                yield return (Taint.Kind.StreamId(AuthorId), fact);
            }
        }
    }
}

/// <summary>Knows what is tainted. A workspace stays so; a task does to its end; an agent with a token of its own for <see cref="AgentKept"/> after it last read something.</summary>
/// <remarks>
/// A token may name any workspace, so the workspace alone would be escaped by naming another. A principal that is no agent is a human or a program of the user's, and
/// taints only workspaces.
/// </remarks>
internal sealed class TaintBook(IEventStore store)
{
    /// <summary>How long an agent may carry around what it has read.</summary>
    public static readonly TimeSpan AgentKept = TimeSpan.FromHours(12);

    public async Task<TaintOf> Of(InvokeTool call, DateTimeOffset now, CancellationToken ct)
    {
        var author = Author(call);
        var (workspace, agent) = (Read(call.Workspace.ToString(), ct), author is null ? Task.FromResult<TaintEvent.CameIn?>(null) : Read(author, ct));
        return new TaintOf(await workspace is not null, await agent is { } last && (call.Run is not null || now - last.At < AgentKept), author);
    }

    private static string? Author(InvokeTool call) =>
        call is { Run: { } run, Task: { } task } ? DerivedId.Of($"taint of task {task} of run {run}").ToString()
        : call.Role == "agent" ? DerivedId.Of($"taint of agent {call.Principal}").ToString()
        : null;

    private async Task<TaintEvent.CameIn?> Read(string id, CancellationToken ct) => (await store.Aggregate(Taint.Kind, id, ct)).State is Taint.Tainted { Last: var last } ? last : null;
}
