using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults.Vault;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Audit.Chain;

/// <summary>The end of the chain.</summary>
/// <param name="Index">Of the last record; 0 while there is none.</param>
/// <param name="Hash">Of the last record.</param>
/// <param name="Mac">Proves that Audit itself wrote this end: without the key nobody can cut records off and adjust it.</param>
public sealed record ChainHead(long Index, byte[] Hash, byte[] Mac);

/// <summary>The tables of the chain, and the key that its records are sealed with.</summary>
public sealed class ChainStore(PostgresEventStore store, MasterKey master)
{
    public const string Schema =
        """
        create table if not exists ap_audit_records (
            index bigint primary key,
            service varchar not null,
            sequence bigint not null,
            event_id uuid not null,
            stream varchar not null,
            version bigint not null,
            type varchar not null,
            at timestamptz not null,
            correlation varchar null,
            causation varchar null,
            sealed bytea not null,
            hash bytea not null,
            constraint ap_audit_once unique (service, sequence)
        );
        create index if not exists ap_audit_by_service on ap_audit_records (service, index);
        create index if not exists ap_audit_by_run on ap_audit_records (correlation, index);
        create table if not exists ap_audit_head (one boolean primary key default true check (one), index bigint not null, hash bytea not null, mac bytea not null);

        -- AP001 is what the event store raises for a stale writer: the unit of work is undone and tried again on the new end.
        create or replace function ap_audit_advance(from_index bigint, to_index bigint, new_hash bytea, new_mac bytea) returns void language plpgsql as $$
        begin
            if from_index = 0 then
                insert into ap_audit_head (index, hash, mac) values (to_index, new_hash, new_mac) on conflict do nothing;
            else
                update ap_audit_head set index = to_index, hash = new_hash, mac = new_mac where index = from_index;
            end if;
            if not found then
                raise exception 'the audit chain moved on from %', from_index using errcode = 'AP001';
            end if;
        end
        $$;
        """;

    private const string Columns = "index, service, sequence, event_id, stream, version, type, at, correlation, causation, sealed, hash";
    private readonly KeyVault _vault = new(master, "audit/records/1");
    private readonly byte[] _headKey = master.For("audit/head/1");

    public NpgsqlDataSource Database => store.Database;

    public byte[] Seal(ReadOnlySpan<byte> json, string context) => _vault.SealBytes(json, context);

    /// <exception cref="InvalidOperationException">The sealed event was changed or moved.</exception>
    public byte[] Open(AuditRecord record) => _vault.OpenBytes(record.Sealed, AuditRecord.Context(record.Index, record.Service, record.Sequence));

    public byte[] Mac(long index, ReadOnlySpan<byte> hash) => HMACSHA256.HashData(_headKey, (byte[])[.. Encoding.UTF8.GetBytes($"{index} "), .. hash]);

    /// <summary>The end of the chain, and which of these sequences it holds already; both from one moment.</summary>
    public static async Task<(ChainHead Head, HashSet<long> Known)> End(NpgsqlConnection connection, string service, long[] sequences, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select h.index, h.hash, h.mac, array(select r.sequence from ap_audit_records r where r.service = $1 and r.sequence = any($2))
            from (select 1) always left join ap_audit_head h on true
            """, connection);
        command.Parameters.Add(new() { Value = service });
        command.Parameters.Add(new() { Value = sequences });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var head = await reader.IsDBNullAsync(0, ct)
            ? new ChainHead(0, AuditRecord.Genesis, [])
            : new ChainHead(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), reader.GetFieldValue<byte[]>(2));
        return (head, [.. reader.GetFieldValue<long[]>(3)]);
    }

    /// <summary>Adds new links to a unit of work; it fails as a conflict when the chain has moved on since.</summary>
    public void Append(IPostgresSession session, ChainHead after, IReadOnlyList<AuditRecord> records)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(after);
        var last = records[^1];
        session.Enlist(new NpgsqlBatchCommand("select ap_audit_advance($1, $2, $3, $4)")
        {
            Parameters = { new() { Value = after.Index }, new() { Value = last.Index }, new() { Value = last.Hash }, new() { Value = Mac(last.Index, last.Hash) } },
        });
        session.Enlist(new NpgsqlBatchCommand(
            $"insert into ap_audit_records ({Columns}) select * from unnest($1::bigint[], $2::varchar[], $3::bigint[], $4::uuid[], $5::varchar[], $6::bigint[], $7::varchar[], $8::timestamptz[], $9::varchar[], $10::varchar[], $11::bytea[], $12::bytea[])")
        {
            Parameters =
            {
                new() { Value = records.Select(r => r.Index).ToArray() },
                new() { Value = records.Select(r => r.Service).ToArray() },
                new() { Value = records.Select(r => r.Sequence).ToArray() },
                new() { Value = records.Select(r => r.EventId).ToArray() },
                new() { Value = records.Select(r => r.Stream).ToArray() },
                new() { Value = records.Select(r => r.Version).ToArray() },
                new() { Value = records.Select(r => r.Type).ToArray() },
                new() { Value = records.Select(r => r.At.UtcDateTime).ToArray() },
                new() { Value = records.Select(r => r.Correlation).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = records.Select(r => r.Causation).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = records.Select(r => r.Sealed).ToArray() },
                new() { Value = records.Select(r => r.Hash).ToArray() },
            },
        });
    }

    /// <summary>Records in the order of the chain, row by row.</summary>
    /// <param name="connection">Of the caller, who may hold a snapshot on it.</param>
    /// <param name="query">Which ones.</param>
    /// <param name="ct">Cancels the read.</param>
    public static async IAsyncEnumerable<AuditRecord> Read(NpgsqlConnection connection, ChainQuery query, [EnumeratorCancellation] CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        await using var command = new NpgsqlCommand(
            $"select {Columns} from ap_audit_records where index > $1 and ($2::varchar is null or service = $2) and ($3::varchar is null or correlation = $3) order by index limit $4", connection);
        command.Parameters.Add(new() { Value = query.After });
        command.Parameters.Add(new() { Value = (object?)query.Service ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = (object?)query.Run ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = (object?)query.Limit ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            yield return new AuditRecord(
                reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), reader.GetGuid(3), reader.GetString(4), reader.GetInt64(5), reader.GetString(6),
                reader.GetFieldValue<DateTimeOffset>(7), await reader.IsDBNullAsync(8, ct) ? null : reader.GetString(8), await reader.IsDBNullAsync(9, ct) ? null : reader.GetString(9),
                reader.GetFieldValue<byte[]>(10), reader.GetFieldValue<byte[]>(11));
        }
    }
}

/// <summary>Which records to read.</summary>
/// <param name="After">Begin after this index.</param>
/// <param name="Service">Only this service.</param>
/// <param name="Run">Only this run.</param>
/// <param name="Limit">At most so many; all when absent.</param>
public sealed record ChainQuery(long After = 0, string? Service = null, string? Run = null, long? Limit = null);
