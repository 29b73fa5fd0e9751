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
end
$do$;
