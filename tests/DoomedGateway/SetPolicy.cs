using AgentPlatform.ToolGateway.Policy;
using Microsoft.Extensions.Hosting;

namespace AgentPlatform.DoomedGateway;

/// <summary>Started between the store and the bus: calls wait there already, and the first would be judged by the policy of the build.</summary>
internal sealed class SetPolicy(PolicyBook book) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) =>
        book.Set("rules: [{ name: effect, tools: [effect.*], verdict: allow, because: it is counted }]", "test", expected: null, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
