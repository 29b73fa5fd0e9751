using System.Globalization;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Registry;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>Asks a policy about the calls of the past and tells what would have been decided otherwise.</summary>
/// <param name="store">The calls.</param>
/// <param name="registry">What the tools are capable of.</param>
public sealed class SimulatePolicy(IEventStore store, ToolRegistry registry)
{
    /// <summary>Events that one page looks at.</summary>
    public const int EventsMax = 5_000;

    /// <param name="engine">The policy that is tried.</param>
    /// <param name="after">Where the page before ended; 0 for the beginning.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<PolicySimulation> Run(PolicyEngine engine, long after, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(engine);
        var page = await store.ReadCommitted(after, EventsMax, streams: null, ct);
        var (asked, differences, compared, unknown) = (new Dictionary<string, InvocationEvent.Requested>(StringComparer.Ordinal), new List<PolicyDifference>(), 0, 0);
        foreach (var stored in page.Events.Where(e => e.Stream.StartsWith("invocation-", StringComparison.Ordinal)))
        {
            switch (store.Open(stored))
            {
                case InvocationEvent.Requested request:
                    asked[stored.Stream] = request;
                    break;
                case InvocationEvent.Decided decided when asked.Remove(stored.Stream, out var request):
                    if (registry.Find(request.ToolId) is not { } tool)
                    {
                        unknown++;
                        break;
                    }

                    compared++;
                    var would = engine.Decide(PolicyCall.Of(tool.Spec, request.Call.Arguments, request.Call.Role, request.Call.Principal, decided.Tainted, decided.At));
                    if (would.Verdict != decided.Verdict.Verdict)
                    {
                        differences.Add(new PolicyDifference(request.Call.Invocation, request.ToolId, decided.At, decided.Verdict, would));
                    }

                    break;
            }
        }

        return new PolicySimulation(compared, unknown, differences, page is { More: true, Events: [.., var last] } ? last.Sequence.ToString(CultureInfo.InvariantCulture) : null);
    }
}
