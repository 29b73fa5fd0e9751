using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Live;

/// <summary>Follows a run to its end, event by event; a lost connection is taken up again after the last event seen.</summary>
public sealed class RunWatch(Platform platform)
{
    private static readonly TimeSpan ReconnectFor = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan ReconnectEvery = TimeSpan.FromMilliseconds(250);

    /// <param name="run">The run.</param>
    /// <param name="show">Gets every event once, in order.</param>
    /// <param name="ct">Stops watching; the run goes on.</param>
    /// <returns>The run at its end.</returns>
    public async Task<RunView> Follow(RunId run, Action<RunEventView> show, CancellationToken ct)
    {
        var last = 0L;
        DateTimeOffset? lostAt = null;
        while (true)
        {
            try
            {
                await foreach (var e in Events(run, last, ct))
                {
                    (last, lostAt) = (e.Id, null);
                    show(e);
                }

                // The server closes the stream after the last event of an ended run.
                var view = await platform.Orchestrator.GetRun(run, ct);
                if (view.Status is RunStatus.Succeeded or RunStatus.Failed or RunStatus.Stopped)
                {
                    return view;
                }
            }
            catch (Exception e) when (IsLost(e) && !ct.IsCancellationRequested)
            {
                if (lostAt is null)
                {
                    Say.Progress($"lost the connection ({e.Message}); trying again");
                }

                lostAt ??= DateTimeOffset.UtcNow;
                if (DateTimeOffset.UtcNow - lostAt > ReconnectFor)
                {
                    throw new CliException(ExitCode.Unreachable, $"The orchestrator has not answered for {ReconnectFor.TotalSeconds:0} s; the run goes on by itself: 'agentctl runs show {run}'");
                }

                await Task.Delay(ReconnectEvery, ct);
            }
        }
    }

    private static bool IsLost(Exception e) =>
        e is HttpRequestException { StatusCode: null or >= HttpStatusCode.InternalServerError } or IOException or RestEase.ApiException { StatusCode: >= HttpStatusCode.InternalServerError };

    private async IAsyncEnumerable<RunEventView> Events(RunId run, long after, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"v1/runs/{run}/events");
        request.Headers.Accept.ParseAdd("text/event-stream");
        request.Headers.Add("Last-Event-ID", after.ToString());
        using var response = await platform.Client(ServiceNames.Orchestrator).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        await foreach (var item in SseParser.Create(body, (_, bytes) => JsonSerializer.Deserialize<RunEventView>(bytes, ContractJson.Options)!).EnumerateAsync(ct))
        {
            yield return item.Data;
        }
    }
}
