namespace AgentPlatform.AppHost.Supervision;

/// <summary>How often a resource is asked how it is.</summary>
internal sealed record HealthOptions
{
    /// <summary>At first; the pause grows until it is <see cref="EveryAfterwards"/>, so that what stays ill is not asked twenty times a second.</summary>
    public TimeSpan EveryUntilHealthy { get; init; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan EveryAfterwards { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>Asks a health address until it is told to stop. There is no signal to wait for: the process is somebody else's.</summary>
internal sealed class HealthProbe(HealthOptions options, TimeProvider time)
{
    private const double PauseGrowth = 1.05;

    // One client for all: connections are kept, and each answer is bounded in time by the caller.
    private static readonly HttpClient Client = new(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null }) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Reports every change of the answer, the first one included.</summary>
    public async Task Run(Uri address, Action<Health> report, CancellationToken ct)
    {
        Health? before = null;
        var pause = options.EveryUntilHealthy;
        while (true)
        {
            var now = await Ask(address, ct);
            if (before is null || before.IsHealthy != now.IsHealthy || before.Description != now.Description)
            {
                report(now);
                before = now;
            }

            pause = now.IsHealthy == true || pause * PauseGrowth > options.EveryAfterwards ? options.EveryAfterwards : pause * PauseGrowth;
            await Task.Delay(pause, time, ct);
        }
    }

    private async Task<Health> Ask(Uri address, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(options.AnswerTimeout);
        try
        {
            using var answer = await Client.GetAsync(address, patience.Token);
            return new Health(answer.IsSuccessStatusCode, $"{address.AbsolutePath} answered {(int)answer.StatusCode}", time.GetUtcNow());
        }
        catch (HttpRequestException error)
        {
            return new Health(false, $"{address.AbsolutePath} cannot be asked: {error.HttpRequestError}", time.GetUtcNow());
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new Health(false, $"{address.AbsolutePath} did not answer within {options.AnswerTimeout.TotalSeconds:0} s", time.GetUtcNow());
        }
    }
}
