using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ModelFabric.Settings;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>
/// Providers as event streams; the sealed keys in a table of their own, written in the same transaction. Every call asks for
/// a provider, so the list is remembered for a moment; a change made here is seen at once, one made by another replica
/// within <see cref="ModelFabricOptions.ProvidersFreshFor"/>.
/// </summary>
public sealed class EventProviderStore : IProviderStore
{
    public const string Schema =
        """
        create table if not exists ap_provider_keys (name varchar not null primary key, sealed varchar not null);
        create table if not exists ap_principal_keys (provider varchar not null, principal varchar not null, sealed varchar not null, primary key (provider, principal));
        """;

    private readonly PostgresEventStore _store;
    private readonly DecisionWriter _writer;
    private readonly int _max;
    private readonly Refreshed<IReadOnlyList<ProviderEntry>> _known;

    public EventProviderStore(PostgresEventStore store, DecisionWriter writer, IOptions<ModelFabricOptions> options, TimeProvider time)
    {
        (_store, _writer, _max) = (store, writer, options.Value.ProvidersMax);
        _known = new Refreshed<IReadOnlyList<ProviderEntry>>(Read, options.Value.ProvidersFreshFor, time);
    }

    public Task<IReadOnlyList<ProviderEntry>> All(CancellationToken ct) => _known.Get(ct);

    private async Task<IReadOnlyList<ProviderEntry>> Read(CancellationToken ct)
    {
        // One statement: a key sealed for one origin must not be read together with the settings of another.
        await using var command = _store.Database.CreateCommand(
            """
            select v.data, k.sealed, (select json_object_agg(p.principal, p.sealed)::text from ap_principal_keys p where p.provider = v.id)
            from ap_views v left join ap_provider_keys k on k.name = v.id
            where v.kind = $1 and v.tag = $2 order by v.sort limit $3
            """);
        command.Parameters.Add(new() { Value = ProviderState.ViewKind });
        command.Parameters.Add(new() { Value = ProviderState.PresentTag });
        command.Parameters.Add(new() { Value = _max });
        var entries = new List<ProviderEntry>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var present = JsonSerializer.Deserialize<ProviderState.Present>(reader.GetString(0), ContractJson.Options)!;
            var sealedKey = await reader.IsDBNullAsync(1, ct) ? null : reader.GetString(1);
            entries.Add(new ProviderEntry(present.Name, present.Kind, new Uri(present.BaseUrl), present.Models, present.AllowRemote, sealedKey, present.KeyFingerprint, Preset: present.Preset)
            {
                Cards = present.Cards ?? [],
                ConcurrentCallsMax = present.ConcurrentCallsMax,
                CallsPerMinuteMax = present.CallsPerMinuteMax,
                PrincipalKeys = await reader.IsDBNullAsync(2, ct) ? new Dictionary<string, PrincipalKey>() : JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(2))!
                    .ToDictionary(key => key.Key, key => new PrincipalKey(key.Value, present.PrincipalKeys?.GetValueOrDefault(key.Key) ?? "")),
            });
        }
        return entries;
    }

    public async Task Set(ProviderEntry entry, string by, CancellationToken ct)
    {
        var wanted = new ProviderState.Present(entry.Name, entry.Kind, entry.BaseUrl.ToString(), [.. entry.Models], entry.AllowRemote, entry.KeyFingerprint, entry.Preset,
            entry.Cards.Count > 0 ? [.. entry.Cards] : null, entry.ConcurrentCallsMax, entry.CallsPerMinuteMax);
        await _writer.Write(
            ProviderState.Stream, entry.Name,
            state => (wanted.Equals(state as ProviderState.Present)
                ? []
                : [new ProviderEvent.ProviderSet(wanted.Name, wanted.Kind, wanted.BaseUrl, wanted.Models, wanted.AllowRemote, wanted.KeyFingerprint, by, wanted.Preset, wanted.Cards, wanted.ConcurrentCallsMax, wanted.CallsPerMinuteMax)], []),
            session => session.Enlist(entry.SealedKey is { } key
                ? Statement("insert into ap_provider_keys (name, sealed) values ($1, $2) on conflict (name) do update set sealed = excluded.sealed", entry.Name, key)
                : Statement("delete from ap_provider_keys where name = $1", entry.Name)),
            ct);
        _known.Forget();
    }

    public async Task SetKey(string provider, string principal, PrincipalKey? key, string by, CancellationToken ct)
    {
        await _writer.Write(
            ProviderState.Stream, provider,
            state => (state is ProviderState.Present ? [key is null ? new ProviderEvent.PrincipalKeyRemoved(provider, principal, by) : new ProviderEvent.PrincipalKeySet(provider, principal, key.Fingerprint, by)] : [], []),
            session => session.Enlist(key is null
                ? Statement("delete from ap_principal_keys where provider = $1 and principal = $2", provider, principal)
                : Statement("insert into ap_principal_keys (provider, principal, sealed) values ($1, $2, $3) on conflict (provider, principal) do update set sealed = excluded.sealed", provider, principal, key.Sealed)),
            ct);
        _known.Forget();
    }

    public async Task<bool> Remove(string name, string by, CancellationToken ct)
    {
        var existed = false;
        await _writer.Write(
            ProviderState.Stream, name,
            state => ((existed = state is ProviderState.Present) ? [new ProviderEvent.ProviderRemoved(name, by)] : [], []),
            session =>
            {
                session.Enlist(Statement("delete from ap_provider_keys where name = $1", name));
                session.Enlist(Statement("delete from ap_principal_keys where provider = $1", name));
            },
            ct);
        _known.Forget();
        return existed;
    }

    private static NpgsqlBatchCommand Statement(string sql, params string[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }
        return command;
    }
}
