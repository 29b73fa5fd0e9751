using System.Security.Claims;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace AgentPlatform.ServiceDefaults;

/// <summary><c>/v1/dead-letters</c>, the same on every service that has a bus.</summary>
internal static class DeadLetterRoutes
{
    private const int PageMax = 500;
    private const int ReasonCharactersMax = 2_000;

    public static void MapDeadLetters(this IEndpointRouteBuilder app)
    {
        var letters = app.MapGroup("/v1/dead-letters");
        letters.MapGet("", List).RequireAuthorization(Access.Read);

        // The envelope is what a service was told in confidence; it is for those who have to mend something.
        letters.MapGet("{id}", Show).RequireAuthorization(Access.Operate);
        letters.MapPost("{id}/retry", Retry).RequireAuthorization(Access.Operate);
        letters.MapPost("{id}/discard", Discard).RequireAuthorization(Access.Operate);
        letters.MapPost("retry", (RetryDeadLetters which, DeadLetters deadLetters, CancellationToken ct) =>
            deadLetters.RetryAll(new DeadLetterFilter(Handler: which.Handler, Type: which.Type), ct)).RequireAuthorization(Access.Operate);
    }

    private static async Task<Page<DeadLetterView>> List(
        DeadLetters deadLetters, CancellationToken ct, string? state = null, string? handler = null, string? type = null, string? after = null, int limit = 100)
    {
        Bounds.Limit(limit, PageMax);
        var wanted = state is null ? (DeadLetterState?)null : Bounds.Word<DeadLetterState>(state, "state");
        try
        {
            return await deadLetters.List(new DeadLetterFilter(wanted, handler, type), after, limit, ct);
        }
        catch (FormatException)
        {
            throw new ProblemException(400, "bad-after", "'after' is the 'next' of the page before");
        }
    }

    private static async Task<DeadLetterDetail> Show(Guid id, DeadLetters deadLetters, CancellationToken ct) => await deadLetters.Find(id, ct) ?? throw Unknown(id);

    private static async Task<DeadLetterView> Retry(Guid id, DeadLetters deadLetters, CancellationToken ct) => await deadLetters.Retry(id, ct) switch
    {
        RetryOutcome.Sent => (await Show(id, deadLetters, ct)).Letter,
        RetryOutcome.Unknown => throw Unknown(id),
        RetryOutcome.Unreadable => throw new ProblemException(409, "dead-letter-unreadable", $"The dead letter {id} is no JSON message, so no handler will ever read it; look at it and discard it"),
        _ => throw await Closed(id, deadLetters, ct),
    };

    private static async Task<DeadLetterView> Discard(Guid id, DiscardDeadLetter why, DeadLetters deadLetters, ClaimsPrincipal who, CancellationToken ct)
    {
        if (string.IsNullOrWhiteSpace(why.Reason) || why.Reason.Length > ReasonCharactersMax)
        {
            throw new ProblemException(400, "bad-reason", $"'reason' says why the message is not needed, in 1 to {ReasonCharactersMax} characters");
        }

        return await deadLetters.Discard(id, who.Identity?.Name ?? "unknown", why.Reason, ct) ? (await Show(id, deadLetters, ct)).Letter : throw await Closed(id, deadLetters, ct);
    }

    private static async Task<ProblemException> Closed(Guid id, DeadLetters deadLetters, CancellationToken ct)
    {
        var letter = (await Show(id, deadLetters, ct)).Letter;
        return letter.State == DeadLetterState.Discarded
            ? new ProblemException(409, "dead-letter-discarded", $"The dead letter {id} was discarded at {letter.DiscardedAt:u} ({letter.DiscardedBecause})")
            : new ProblemException(409, "dead-letter-retried", $"The dead letter {id} was sent again at {letter.RetriedAt:u}; it waits anew if it fails again");
    }

    private static ProblemException Unknown(Guid id) => ProblemException.NotFound("dead-letter", id);
}
