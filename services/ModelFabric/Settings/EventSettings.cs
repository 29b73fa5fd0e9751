using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;

namespace AgentPlatform.ModelFabric.Settings;

/// <summary>How a kind of setting is told in events.</summary>
/// <param name="ViewKind">The list its present ones stand in.</param>
/// <param name="Kind">Its streams.</param>
/// <param name="IsSet">The fact that it was set.</param>
/// <param name="IsRemoved">The fact that it was removed.</param>
public sealed record SettingKind<T, TEvent>(
    string ViewKind, StreamKind<SettingState<T>, TEvent> Kind, Func<T, string, TEvent> IsSet, Func<string, string, TEvent> IsRemoved)
    where T : class, ISetting
    where TEvent : class
{
    public const string PresentTag = "present";

    // A removed setting keeps its row under another tag: views are written over, not deleted.
    public static Func<SettingState<T>, ViewRow?> View(string viewKind) => state => state switch
    {
        SettingState<T>.Present { Value: var value } => new ViewRow(viewKind, value.Name, value.Name, PresentTag, value),
        SettingState<T>.Absent { Name: { } name } => new ViewRow(viewKind, name, name, "removed", new { name }),
        _ => null,
    };
}

/// <summary>
/// Settings as event streams. Every call asks for them, so they are remembered for a moment; a change made here is seen at
/// once, one made by another replica within <paramref name="freshFor"/>.
/// </summary>
public sealed class EventSettings<T, TEvent>(SettingKind<T, TEvent> kind, PostgresEventStore store, DecisionWriter writer, TimeSpan freshFor, int max, TimeProvider time) : ISettingStore<T>
    where T : class, ISetting
    where TEvent : class
{
    private readonly Refreshed<IReadOnlyList<T>> _known = new(ct => Read(store, kind, max, ct), freshFor, time);

    public Task<IReadOnlyList<T>> All(CancellationToken ct) => _known.Get(ct);

    private static async Task<IReadOnlyList<T>> Read(PostgresEventStore store, SettingKind<T, TEvent> kind, int max, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand("select data from ap_views where kind = $1 and tag = $2 order by sort limit $3");
        command.Parameters.Add(new() { Value = kind.ViewKind });
        command.Parameters.Add(new() { Value = SettingKind<T, TEvent>.PresentTag });
        command.Parameters.Add(new() { Value = max });
        var values = new List<T>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            values.Add(JsonSerializer.Deserialize<T>(reader.GetString(0), ContractJson.Options)!);
        }
        return values;
    }

    public async Task Set(T value, string by, CancellationToken ct)
    {
        var wanted = JsonSerializer.Serialize(value, EventTypes.Json);
        await writer.Write(
            kind.Kind, value.Name,
            state => (state is SettingState<T>.Present present && JsonSerializer.Serialize(present.Value, EventTypes.Json) == wanted ? [] : [kind.IsSet(value, by)], []),
            static _ => { }, ct);
        _known.Forget();
    }

    public async Task<bool> Remove(string name, string by, CancellationToken ct)
    {
        var existed = false;
        await writer.Write(
            kind.Kind, name,
            state => ((existed = state is SettingState<T>.Present) ? [kind.IsRemoved(name, by)] : [], []),
            static _ => { }, ct);
        _known.Forget();
        return existed;
    }
}
