using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Sessions;

/// <summary>Lists as the API gives them out.</summary>
internal static class Pages
{
    private const int LimitDefault = 50;
    private const int LimitMax = 200;

    public static int Limit(int? asked) => Math.Clamp(asked ?? LimitDefault, 1, LimitMax);

    public static async Task<Page<T>> List<T>(IEventStore store, ViewQuery query, CancellationToken ct)
        where T : class
    {
        try
        {
            var (rows, next) = await store.Views.List<T>(query, ct);
            return new Page<T>([.. rows], next);
        }
        catch (FormatException)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-cursor", "'after' must be the 'next' of the page before");
        }
    }
}
