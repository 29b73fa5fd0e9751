using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Sessions.Inbox;

/// <summary><c>GET /v1/requests?state=</c> and <c>GET /v1/requests/{id}</c>.</summary>
public static class ListRequests
{
    public static async Task<Page<RequestView>> Page(IEventStore store, CancellationToken ct, string? state = null, string? after = null, int? limit = null)
    {
        string? tag = null;
        if (state is not null)
        {
            tag = Enum.GetValues<RequestState>().Select(HumanRequest.Tag).FirstOrDefault(known => known == state)
                ?? throw new ProblemException(StatusCodes.Status400BadRequest, "bad-state",
                    $"state must be one of {string.Join(", ", Enum.GetValues<RequestState>().Select(HumanRequest.Tag))}");
        }
        return await Pages.List<RequestView>(store, new ViewQuery(HumanRequest.ViewKind, Pages.Limit(limit), after, tag), ct);
    }

    public static async Task<RequestView> One(RequestId id, IEventStore store, CancellationToken ct) =>
        await store.Views.Find<RequestView>(HumanRequest.ViewKind, id.ToString(), ct) ?? throw ProblemException.NotFound("request", id);
}
