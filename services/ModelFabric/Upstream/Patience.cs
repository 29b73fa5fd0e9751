using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>
/// Who may end a call: the client by leaving, the provider by silence, the clock by the call's total. One token for all
/// three, and afterwards the answer to which of them it was.
/// </summary>
public sealed class Patience : IDisposable
{
    private readonly CancellationToken _client;
    private readonly CancellationTokenSource _silence;
    private readonly CancellationTokenSource _total;
    private readonly CancellationTokenSource _any;
    private TimeSpan _waiting;
    private string _for = "";

    public Patience(TimeSpan total, TimeProvider time, CancellationToken client)
    {
        _client = client;
        _silence = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _total = new CancellationTokenSource(total, time);
        _any = CancellationTokenSource.CreateLinkedTokenSource(client, _silence.Token, _total.Token);
    }

    public CancellationToken Token => _any.Token;

    public void Await(TimeSpan silenceMax, string what)
    {
        (_waiting, _for) = (silenceMax, what);
        _silence.CancelAfter(silenceMax);
    }

    /// <summary>While the waiting is our own, for example between two attempts.</summary>
    public void Pause() => _silence.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>The reason in words; null when it was the client, whose leaving is no failure of anybody.</summary>
    public ModelCallException? Explain(string provider) =>
        _client.IsCancellationRequested ? null
        : _silence.IsCancellationRequested ? ModelCallException.Upstream("upstream_timeout",
            $"Provider '{provider}' sent nothing for {_waiting.TotalSeconds:0.###} s while the gateway waited for {_for}.", StatusCodes.Status504GatewayTimeout)
        : _total.IsCancellationRequested ? ModelCallException.Upstream("call_too_long",
            $"The call to provider '{provider}' exceeded its total time (ModelFabric:Upstream:CallDurationMax).", StatusCodes.Status504GatewayTimeout)
        : null;

    public void Dispose()
    {
        _any.Dispose();
        _total.Dispose();
        _silence.Dispose();
    }
}
