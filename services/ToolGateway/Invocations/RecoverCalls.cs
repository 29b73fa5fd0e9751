using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using Npgsql;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>
/// Finds calls whose process died, or which this process has lost, and sends them to whoever is there: what comes of a call that was started and not settled is
/// decided by <see cref="ExecuteInvocation"/>.
/// </summary>
internal sealed partial class RecoverCalls(
    PostgresEventStore store, Outgoing outgoing, GatewayLife life, RunningCalls running, InvocationOptions options, TimeProvider time, ILogger<RecoverCalls> log) : BackgroundService
{
    private HashSet<CallsAtWork.Row> _suspects = [];

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Look(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Transient.Is(e) || e is NpgsqlException)
            {
                NotLooked(e.Message, options.RecoverEvery);
            }

            await Task.Delay(options.RecoverEvery, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Look(CancellationToken ct)
    {
        var (suspects, lives) = (new HashSet<CallsAtWork.Row>(), new Dictionary<Guid, bool>());
        foreach (var row in await CallsAtWork.List(store.Database, options.RecoverMax, ct))
        {
            if (!lives.TryGetValue(row.Gateway, out var isAlive))
            {
                lives[row.Gateway] = isAlive = await life.Lives(row.Gateway, ct);
            }

            if (row.Gateway == life.Id ? running.Has(new InvocationId(row.Invocation)) : isAlive)
            {
                continue;
            }

            if (!_suspects.Contains(row))
            {
                suspects.Add(row);
            }
            else
            {
                await TakeOver(row, ct);
            }
        }

        _suspects = suspects;
    }

    private async Task TakeOver(CallsAtWork.Row row, CancellationToken ct)
    {
        var session = store.Open();
        session.CorrelationId = await Correlation(new InvocationId(row.Invocation), ct);
        CallsAtWork.TakeOver(session, row);
        outgoing.Send(session, new RunInvocation(new InvocationId(row.Invocation)));
        try
        {
            await session.SaveChanges(ct);
            Interrupted(row.Invocation);
        }
        catch (PostgresException e) when (CallsAtWork.IsTakenAlready(e))
        {
            // Another gateway was faster, or it has ended.
        }
    }

    // What became of it belongs to the run that asked for it, as its beginning does.
    private async Task<string> Correlation(InvocationId id, CancellationToken ct) =>
        (await store.Aggregate(Invocation.Kind, id.ToString(), ct)).State is Invocation.Known { Request.Call.Run: { } run } ? run.ToString() : id.ToString();

    [LoggerMessage(4106, LogLevel.Warning, "Invocation {Invocation} was started by a gateway that is gone; it is taken up again")]
    private partial void Interrupted(Guid invocation);

    [LoggerMessage(4107, LogLevel.Warning, "Interrupted calls could not be looked for: {Cause}; next try in {Delay}")]
    private partial void NotLooked(string cause, TimeSpan delay);
}
