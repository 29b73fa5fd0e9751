-- The functions that Marten 9 calls when it appends, archives or keeps the progress of its daemon, so that it can work on this database as it is.
-- Signatures: string stream identity, single tenancy, correlation, causation and headers on, timestamps given by the client (its default append mode).
--
-- Marten manages the same names. Where it has put its own function, that one stays: a second one of the same name whose arguments differ only by a default
-- would make every call ambiguous. Ours are known by their comment. Marten calls them from connections with a search path of its own.
do $do$
declare
    theirs varchar[] := array(
        select p.proname from pg_proc p
        where p.pronamespace = current_schema()::regnamespace and p.proname like 'mt\_%' and obj_description(p.oid, 'pg_proc') is distinct from 'AgentPlatform');
begin
    if 'mt_archive_stream' <> all (theirs) then
        create or replace function mt_archive_stream(streamid varchar)
        returns void
        language plpgsql
        set search_path from current
        as $$
        begin
            -- The stream first: it waits for a writer who is at it, so that the events of that writer are flagged, too.
            update mt_streams set is_archived = true where id = streamid;
            update mt_events set is_archived = true where stream_id = streamid;
        end
        $$;
        comment on function mt_archive_stream(varchar) is 'AgentPlatform';
    end if;

    if 'mt_mark_event_progression' <> all (theirs) then
        create or replace function mt_mark_event_progression(name varchar, last_encountered bigint)
        returns void
        language sql
        set search_path from current
        as $$
            insert into mt_event_progression values ($1, $2, transaction_timestamp())
            on conflict on constraint pk_mt_event_progression do update set last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated
        $$;
        comment on function mt_mark_event_progression(varchar, bigint) is 'AgentPlatform';
    end if;

    if 'mt_mark_progression_with_skip' <> all (theirs) then
        create or replace function mt_mark_progression_with_skip(shard_name varchar, ending_sequence bigint, starting_sequence bigint)
        returns bigint
        language plpgsql
        set search_path from current
        as $$
        declare
            mark bigint;
        begin
            select p.last_seq_id into mark from mt_event_progression p where p.name = shard_name for update;

            -- Somebody else has moved on meanwhile; their mark counts.
            if mark <> starting_sequence then
                return mark;
            end if;

            perform mt_mark_event_progression(shard_name, ending_sequence);
            if ending_sequence > starting_sequence then
                insert into mt_high_water_skips values (ending_sequence, starting_sequence)
                on conflict on constraint pkey_mt_high_water_skips_ending_sequence do nothing;
            end if;
            return ending_sequence;
        end
        $$;
        comment on function mt_mark_progression_with_skip(varchar, bigint, bigint) is 'AgentPlatform';
    end if;

    if 'mt_quick_append_events' <> all (theirs) then
        -- Returns the stream's version and then the position of each event. As in ap_append_events the stream row is locked and looked at before a position is
        -- drawn: a refused writer leaves no hole, and the transaction has an id before it draws, by which a reader can prove a hole empty.
        create or replace function mt_quick_append_events(
            stream varchar, stream_type varchar, tenantid varchar, event_ids uuid[], event_types varchar[], dotnet_types varchar[], bodies jsonb[], bdatas bytea[],
            causation_ids varchar[], correlation_ids varchar[], headers jsonb[], timestamps timestamptz[], expected_version bigint default null)
        returns bigint[]
        language plpgsql
        set search_path from current
        as $$
        declare
            known mt_streams%rowtype;
            positions bigint[];
        begin
            insert into mt_streams (id, type, version, timestamp, created, tenant_id, is_archived)
            values (stream, stream_type, 0, now(), now(), coalesce(tenantid, '*DEFAULT*'), false)
            on conflict (id) do nothing;
            select s.* into known from mt_streams s where s.id = stream for update;

            if coalesce(known.version, 0) <> expected_version then
                raise exception 'stream % was expected at version % and is at %', stream, expected_version, coalesce(known.version, 0) using errcode = 'MT003';
            elsif known.is_archived then
                raise exception 'stream % is archived', stream using errcode = 'MT001';
            elsif known.tenant_id <> tenantid then
                raise exception 'stream % belongs to another tenant', stream;
            end if;

            with stored as (
                insert into mt_events (
                    seq_id, id, stream_id, version, data, bdata, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, headers, is_archived)
                select nextval('mt_events_sequence'), e.id, stream, coalesce(known.version, 0) + e.n, e.body, e.bdata, e.type, coalesce(e.stored_at, now()),
                       coalesce(tenantid, '*DEFAULT*'), e.dotnet_type, e.correlation, e.causation, e.meta, false
                from (
                    select u.* from unnest(event_ids, bodies, bdatas, event_types, dotnet_types, correlation_ids, causation_ids, headers, timestamps)
                        with ordinality as u (id, body, bdata, type, dotnet_type, correlation, causation, meta, stored_at, n)
                    order by u.n) e
                returning seq_id)
            select array_agg(seq_id order by seq_id) into positions from stored;

            update mt_streams s set version = coalesce(known.version, 0) + cardinality(event_ids), timestamp = now() where s.id = stream;
            return (coalesce(known.version, 0) + cardinality(event_ids)) || positions;
        end
        $$;
        comment on function mt_quick_append_events(
            varchar, varchar, varchar, uuid[], varchar[], varchar[], jsonb[], bytea[], varchar[], varchar[], jsonb[], timestamptz[], bigint) is 'AgentPlatform';
    end if;
end
$do$;
