using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using Npgsql;

namespace AgentPlatform.Audit.Chain;

/// <summary>
/// Up to where every event of a service is here. A portion names the event before its first one, so portions that link up
/// prove that nothing is missing between them; one that arrives early waits as a row until the portions before it are here.
/// </summary>
public sealed class FactMarks(PostgresEventStore store) : IFactMarks
{
    public const string Schema =
        """
        create table if not exists ap_audit_marks (service varchar primary key, complete bigint not null);
        create table if not exists ap_audit_portions (service varchar not null, after_sequence bigint not null, last_sequence bigint not null, primary key (service, after_sequence, last_sequence));

        create or replace function ap_audit_took(of_service varchar, after_one bigint, last_one bigint) returns void language plpgsql as $$
        declare
            reached bigint;
            further bigint;
        begin
            insert into ap_audit_marks (service, complete) values (of_service, 0) on conflict do nothing;
            select m.complete into reached from ap_audit_marks m where m.service = of_service for update;
            insert into ap_audit_portions values (of_service, after_one, last_one) on conflict do nothing;
            loop
                select max(p.last_sequence) into further from ap_audit_portions p where p.service = of_service and p.after_sequence <= reached and p.last_sequence > reached;
                exit when further is null;
                reached := further;
            end loop;
            update ap_audit_marks set complete = reached where service = of_service;
            delete from ap_audit_portions where service = of_service and last_sequence <= reached;
        end
        $$;
        """;

    /// <summary>Notes a portion in the unit of work that stores its facts.</summary>
    public static void Took(IPostgresSession session, RecordFacts portion)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(portion);
        session.Enlist(new NpgsqlBatchCommand("select ap_audit_took($1, $2, $3)")
        {
            Parameters = { new() { Value = portion.Service }, new() { Value = portion.AfterSequence }, new() { Value = portion.Facts[^1].Sequence } },
        });
    }

    public async Task<IReadOnlyDictionary<string, long>> Complete(CancellationToken ct)
    {
        // A service whose very first portion was lost has no row, and has to be told all the same.
        var marks = ServiceNames.All.ToDictionary(service => service, _ => 0L, StringComparer.Ordinal);
        await using var command = store.Database.CreateCommand("select service, complete from ap_audit_marks");
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            marks[reader.GetString(0)] = reader.GetInt64(1);
        }
        return marks;
    }
}
