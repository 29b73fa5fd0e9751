using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;
using AgentPlatform.ServiceDefaults;
using Microsoft.AspNetCore.Mvc;

namespace AgentPlatform.Orchestrator.Http;

/// <summary>The events of a run and its attempts, in store order: as pages, or as a server-sent stream that resumes from <c>Last-Event-ID</c> without loss or repetition.</summary>
internal static class RunFeed
{
    private const int PageMax = 1_000;

    public static async Task<IResult> Get(
        RunId id,
        IEventStore store,
        HttpRequest http,
        [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
        CancellationToken ct,
        long after = 0,
        int limit = 200)
    {
        Bounds.Limit(limit, PageMax);
        if (lastEventId is { Length: > 0 } && !long.TryParse(lastEventId, out after))
        {
            throw new ProblemException(400, "bad-last-event-id", $"Last-Event-ID is the id of an event of this stream, a number, not '{lastEventId}'");
        }

        if ((await store.Aggregate(Run.Kind, id.ToString(), ct)).State is not Run.Known run)
        {
            throw ProblemException.NotFound("run", id);
        }

        if (http.GetTypedHeaders().Accept.Any(a => a.MediaType.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase)))
        {
            return TypedResults.ServerSentEvents(Follow(id, store, after, ct));
        }

        var page = await store.ReadCommitted(after, limit, Streams(run), ct);
        var events = page.Events.Select(e => View(store, e)).ToArray();
        return TypedResults.Ok(new Page<RunEventView>(events, page.More ? events[^1].Id.ToString() : null));
    }

    private static async IAsyncEnumerable<SseItem<RunEventView>> Follow(RunId id, IEventStore store, long after, [EnumeratorCancellation] CancellationToken ct)
    {
        while (true)
        {
            var next = store.Signal.Next;
            var (state, version) = await store.Aggregate(Run.Kind, id.ToString(), ct);
            var page = await store.ReadCommitted(after, PageMax, Streams((Run.Known)state), ct);
            foreach (var e in page.Events)
            {
                after = e.Sequence;
                yield return new SseItem<RunEventView>(View(store, e), e.Type) { EventId = e.Sequence.ToString() };
            }

            // The run's last event closes the stream, once everything up to it has been told.
            if (state is Run.Ended && !page.More && page.HighWater >= after && await IsTold(store, id, version, after, ct))
            {
                yield break;
            }

            if (!page.More)
            {
                await store.Signal.Wait(next, ct);
            }
        }
    }

    private static async Task<bool> IsTold(IEventStore store, RunId id, long version, long after, CancellationToken ct)
    {
        await foreach (var last in store.ReadStream(Run.Kind.StreamId(id.ToString()), version - 1, ct))
        {
            return last.Sequence <= after;
        }

        return true;
    }

    // A read of some attempt that does not exist yet finds nothing, which is right.
    private static List<string> Streams(Run.Known run) =>
    [
        Run.Kind.StreamId(run.Id.ToString()),
        .. run.Tasks.SelectMany(t => Enumerable.Range(1, t.Value.Attempt).Select(n => Attempt.Kind.StreamId(Attempt.IdOf(run.Id, t.Key, n)))),
    ];

    private static RunEventView View(IEventStore store, StoredEvent e)
    {
        var fact = store.Open(e);
        return new RunEventView(e.Sequence, e.Stream, e.Version, e.Type, e.At, JsonSerializer.SerializeToElement(fact, fact.GetType(), ContractJson.Options));
    }
}
