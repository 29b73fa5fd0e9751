namespace AgentPlatform.ModelFabric.Settings;

/// <summary>Something an owner sets under a name and may remove again: a budget, a route.</summary>
public interface ISetting
{
    string Name { get; }
}

/// <summary>A setting as its stream tells it.</summary>
public abstract record SettingState<T>
    where T : class, ISetting
{
    private SettingState()
    {
    }

    public sealed record Absent(string? Name) : SettingState<T>;

    public sealed record Present(T Value) : SettingState<T>;
}

/// <summary>All settings of a kind, by name.</summary>
public interface ISettingStore<T>
    where T : class, ISetting
{
    Task<IReadOnlyList<T>> All(CancellationToken ct);

    /// <summary>Adds or replaces. Setting what is already so changes nothing.</summary>
    /// <param name="value">The setting.</param>
    /// <param name="by">The principal, for the record.</param>
    /// <param name="ct">Cancels the write.</param>
    Task Set(T value, string by, CancellationToken ct);

    /// <summary>False when there was none of that name.</summary>
    Task<bool> Remove(string name, string by, CancellationToken ct);
}

/// <summary>The twin of the durable store.</summary>
public sealed class InMemorySettings<T> : ISettingStore<T>
    where T : class, ISetting
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, T> _values = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<T>> All(CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<T>>([.. _values.Values]);
        }
    }

    public Task Set(T value, string by, CancellationToken ct)
    {
        lock (_gate)
        {
            _values[value.Name] = value;
        }
        return Task.CompletedTask;
    }

    public Task<bool> Remove(string name, string by, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult(_values.Remove(name));
        }
    }
}
