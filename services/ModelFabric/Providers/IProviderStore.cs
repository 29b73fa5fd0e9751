namespace AgentPlatform.ModelFabric.Providers;

/// <summary>The providers that were added over HTTP. Keys arrive sealed; a store never sees one in clear.</summary>
public interface IProviderStore
{
    Task<IReadOnlyList<ProviderEntry>> All(CancellationToken ct);

    /// <summary>Adds or replaces. Setting what is already so changes nothing.</summary>
    /// <param name="entry">The provider, its key sealed.</param>
    /// <param name="by">The principal, for the record.</param>
    /// <param name="ct">Cancels the write.</param>
    Task Set(ProviderEntry entry, string by, CancellationToken ct);

    /// <summary>Gives a principal a key of its own at a provider that is there, or takes it away.</summary>
    Task SetKey(string provider, string principal, PrincipalKey? key, string by, CancellationToken ct);

    /// <summary>False when there was none of that name.</summary>
    Task<bool> Remove(string name, string by, CancellationToken ct);
}

/// <summary>The twin of the durable store.</summary>
public sealed class InMemoryProviderStore : IProviderStore
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, ProviderEntry> _entries = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<ProviderEntry>> All(CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<ProviderEntry>>([.. _entries.Values]);
        }
    }

    public Task Set(ProviderEntry entry, string by, CancellationToken ct)
    {
        lock (_gate)
        {
            _entries[entry.Name] = entry with { PrincipalKeys = _entries.GetValueOrDefault(entry.Name)?.PrincipalKeys ?? entry.PrincipalKeys };
        }
        return Task.CompletedTask;
    }

    public Task SetKey(string provider, string principal, PrincipalKey? key, string by, CancellationToken ct)
    {
        lock (_gate)
        {
            var keys = new Dictionary<string, PrincipalKey>(_entries[provider].PrincipalKeys);
            if (key is null)
            {
                keys.Remove(principal);
            }
            else
            {
                keys[principal] = key;
            }
            _entries[provider] = _entries[provider] with { PrincipalKeys = keys };
        }
        return Task.CompletedTask;
    }

    public Task<bool> Remove(string name, string by, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult(_entries.Remove(name));
        }
    }
}
