using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Policy;

namespace AgentPlatform.ToolGateway.Grants;

/// <summary>Gives grants, takes them back, and finds the one that is good for a call.</summary>
/// <param name="store">The grants.</param>
/// <param name="writer">Stores what becomes of them.</param>
/// <param name="time">The clock.</param>
public sealed class GrantBook(IEventStore store, DecisionWriter writer, TimeProvider time)
{
    /// <summary>Grants that are good at the same time: each call that policy does not allow is held against all of them.</summary>
    public const int ActiveMax = 1_000;

    /// <summary>How long a chain of parts of parts may be.</summary>
    public const int DepthMax = 5;

    private const int PageMax = 500;

    /// <summary>Gives a grant.</summary>
    /// <exception cref="ProblemException">It cannot be given as asked for; nothing was.</exception>
    public async Task<GrantView> Give(GrantId id, GiveGrantRequest request, string by, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(request);
        var now = time.GetUtcNow();
        var fault = GrantRules.Fault(request.Scope)
            ?? (request.Because.Trim().Length == 0 ? "'because' is empty; say why, for whoever reads the record" : null)
            ?? (request.ExpiresAt <= now ? "'expiresAt' has passed" : null)
            ?? (request.UsesMax < 1 ? "'usesMax' is less than 1" : null);
        if (fault is not null)
        {
            throw new ProblemException(422, "invalid-grant", $"The grant cannot be given: {fault}");
        }

        await CheckParent(request, now, ct);
        if (await CountActive(now, ct) >= ActiveMax)
        {
            throw new ProblemException(409, "too-many-grants", $"{ActiveMax} grants are active; take back what is not needed any more");
        }

        var given = new GrantEvent.Given(id, request.Scope, request.Because, by, now, request.ExpiresAt, request.UsesMax, request.Parent);
        await writer.Write(Grant.Kind, id.ToString(), known => known.Known is null ? ([given], []) : ([], []), static _ => { }, ct);
        return (await Get(id, ct)).View(now);
    }

    /// <summary>A grant.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task<Grant> Get(GrantId id, CancellationToken ct) =>
        (await store.Aggregate(Grant.Kind, id.ToString(), ct)).State is { Known: not null } grant ? grant : throw ProblemException.NotFound("grant", id);

    /// <summary>Takes a grant back; one that is over already stays as it is.</summary>
    public async Task<GrantView> Revoke(GrantId id, string by, CancellationToken ct)
    {
        await Get(id, ct);
        var now = time.GetUtcNow();
        await writer.Write(Grant.Kind, id.ToString(), known => known.State(now) == GrantState.Active ? ([new GrantEvent.Revoked(by, now)], []) : ([], []), static _ => { }, ct);
        return (await Get(id, ct)).View(now);
    }

    /// <summary>A page of grants, oldest first.</summary>
    public async Task<Page<GrantView>> List(GrantState? state, string? after, int limit, CancellationToken ct)
    {
        var (rows, next) = await store.Views.List<Grant>(new ViewQuery(Grant.List, limit, after, state is { } wanted ? Grant.Tag(wanted) : null), ct);
        return new Page<GrantView>([.. rows.Select(row => row.View(time.GetUtcNow()))], next);
    }

    /// <summary>
    /// A grant that is good for a call, used up by one in this unit of work, and so is everything it is a part of; null when there is none. Somebody who uses
    /// or revokes one of them at the same time makes the unit fail with a conflict, and the caller looks again.
    /// </summary>
    internal async Task<GrantView?> Use(IEventSession session, PolicyCall call, InvokeTool about, DateTimeOffset now, CancellationToken ct)
    {
        await foreach (var candidate in Active(ct))
        {
            if (candidate.State(now) == GrantState.Active && candidate.Known!.Scope.IsGoodFor(call, about.Run, about.Task) && await Chain(session, candidate.Known.Id, now, ct) is { } chain)
            {
                chain.ForEach(grant => grant.Append(new GrantEvent.Used(about.Invocation, now)));
                return chain[0].State.View(now);
            }
        }

        return null;
    }

    /// <summary>What the grants that are good now are good for.</summary>
    internal async Task<IReadOnlyList<GrantScope>> Scopes(DateTimeOffset now, CancellationToken ct)
    {
        var scopes = new List<GrantScope>();
        await foreach (var grant in Active(ct))
        {
            if (grant.State(now) == GrantState.Active)
            {
                scopes.Add(grant.Known!.Scope);
            }
        }

        return scopes;
    }

    private static async Task<List<EventStream<Grant, GrantEvent>>?> Chain(IEventSession session, GrantId id, DateTimeOffset now, CancellationToken ct)
    {
        var chain = new List<EventStream<Grant, GrantEvent>>();
        for (GrantId? next = id; next is { } one;)
        {
            var stream = await session.FetchForWriting(Grant.Kind, one.ToString(), ct);
            if (stream.State.State(now) != GrantState.Active)
            {
                return null;
            }

            chain.Add(stream);
            next = stream.State.Known!.Parent;
        }

        return chain;
    }

    private async IAsyncEnumerable<Grant> Active([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        string? after = null;
        do
        {
            (var rows, after) = await store.Views.List<Grant>(new ViewQuery(Grant.List, PageMax, after, Grant.Tag(GrantState.Active)), ct);
            foreach (var row in rows)
            {
                yield return row;
            }
        }
        while (after is not null);
    }

    // The clock tells no stream that its time is over; whoever gives the next grant does.
    private async Task<int> CountActive(DateTimeOffset now, CancellationToken ct)
    {
        var active = 0;
        await foreach (var grant in Active(ct))
        {
            if (grant.State(now) == GrantState.Expired)
            {
                await writer.Write(Grant.Kind, grant.Known!.Id.ToString(), known => known.IsOver ? ([], []) : ([new GrantEvent.Expired(now)], []), static _ => { }, ct);
            }
            else
            {
                active++;
            }
        }

        return active;
    }

    private async Task CheckParent(GiveGrantRequest request, DateTimeOffset now, CancellationToken ct)
    {
        if (request.Parent is not { } id)
        {
            return;
        }

        var parent = await Get(id, ct);
        var (known, depth) = (parent.Known!, 1);
        for (var next = known.Parent; next is { } above; depth++)
        {
            next = (await Get(above, ct)).Known!.Parent;
        }

        var why = parent.State(now) != GrantState.Active ? $"it is {Grant.Tag(parent.State(now))}"
            : GrantRules.Wider(request.Scope, known.Scope) is { } wider ? $"the part would be wider in '{wider}'"
            : known.ExpiresAt is { } end && (request.ExpiresAt is null || request.ExpiresAt > end) ? "the part would last longer"
            : known.UsesMax - parent.Uses is { } left && (request.UsesMax is null || request.UsesMax > left) ? $"the part would be good for more calls than the {left} that are left"
            : depth >= DepthMax ? $"it is a part of a part {DepthMax} levels deep already"
            : null;
        if (why is not null)
        {
            throw new ProblemException(422, "invalid-grant", $"The grant cannot be a part of {id}: {why}");
        }
    }
}
