using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>The tools of ToolGateway, asked for again after a while.</summary>
internal sealed class ToolCatalogue(IHttpClientFactory clients, TimeProvider time)
{
    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(10);
    private volatile Known? _known;

    public async Task<IReadOnlyList<ToolView>> All(CancellationToken ct)
    {
        if (_known is { } known && time.GetElapsedTime(known.At) < KeptFor)
        {
            return known.Tools;
        }

        var page = await clients.Of<IToolGatewayApi>(ServiceNames.ToolGateway).ListTools(ct);
        _known = new Known(page.Items, time.GetTimestamp());
        return page.Items;
    }

    private sealed record Known(IReadOnlyList<ToolView> Tools, long At);
}
