using System.Collections.Concurrent;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>
/// Keeps two requests with the same Idempotency-Key from calling the model side by side in this process.
/// Nothing of it is stored: a claim that outlived its process would keep the key's owner waiting for nobody.
/// </summary>
public sealed class CallsInFlight
{
    private readonly ConcurrentDictionary<(string Principal, string Key), bool> _keys = new();

    /// <summary>Null when the key is already being answered.</summary>
    public IDisposable? TryEnter(string principal, string key) => _keys.TryAdd((principal, key), true) ? new Exit(this, (principal, key)) : null;

    private sealed class Exit(CallsInFlight owner, (string Principal, string Key) entry) : IDisposable
    {
        public void Dispose() => owner._keys.TryRemove(entry, out _);
    }
}
