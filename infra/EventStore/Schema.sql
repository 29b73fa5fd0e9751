-- Marten 9's event tables (string stream identity, single tenancy, correlation, causation and headers on) and our own tables beside them.
-- Our columns and indexes never go on mt_* tables: Marten's schema management would drop them.

create table if not exists mt_streams (
    id varchar not null constraint pkey_mt_streams_id primary key,
    type varchar null,
    version bigint null,
    timestamp timestamptz not null default (now()),
    created timestamptz not null default (now()),
    tenant_id varchar null default '*DEFAULT*',
    is_archived boolean null default false
);

create table if not exists mt_events (
    seq_id bigint not null constraint pkey_mt_events_seq_id primary key,
    id uuid not null,
    stream_id varchar null,
    version bigint not null,
    data jsonb not null,
    bdata bytea null,
    type varchar(500) not null,
    timestamp timestamptz not null default (now()),
    tenant_id varchar null default '*DEFAULT*',
    mt_dotnet_type varchar null,
    correlation_id varchar null,
    causation_id varchar null,
    headers jsonb null,
    is_archived boolean null default false,
    constraint fkey_mt_events_stream_id foreign key (stream_id) references mt_streams (id) on delete cascade
);

create unique index if not exists pk_mt_events_stream_and_version on mt_events using btree (stream_id, version);

create sequence if not exists mt_events_sequence start 1 owned by mt_events.seq_id;

create table if not exists mt_event_progression (
    name varchar not null constraint pk_mt_event_progression primary key,
    last_seq_id bigint null,
    last_updated timestamptz null default (transaction_timestamp())
);

create table if not exists mt_high_water_skips (
    ending_sequence bigint not null constraint pkey_mt_high_water_skips_ending_sequence primary key,
    starting_sequence bigint not null,
    timestamp timestamptz null default (transaction_timestamp())
);

create table if not exists ap_views (
    kind varchar not null,
    id varchar collate "C" not null,
    sort varchar collate "C" not null,
    tag varchar null,
    data jsonb not null,
    primary key (kind, id)
);

create index if not exists ap_views_by_sort on ap_views (kind, sort, id);
create index if not exists ap_views_by_tag on ap_views (kind, tag, sort, id);

-- Folded states, by kinds of streams that ask for it. Text as it was written: the phase of a state stands before its properties. Gone with its stream.
create table if not exists ap_snapshots (
    stream_id varchar not null primary key references mt_streams (id) on delete cascade,
    version bigint not null,
    shape varchar not null,
    state json not null
);

-- Appends to any number of streams in one call. The stream row is locked and its version checked before a position is drawn, so a stale writer
-- leaves no hole, and the transaction has an id before it draws, so that a reader can prove a hole empty (see CommittedReader).
-- expected: -1 any, 0 no stream, n exactly n. Callers pass the streams sorted by id, so that two writers cannot wait for each other.
create or replace function ap_append_events(
    streams varchar[], stream_types varchar[], expected bigint[], counts int[],
    event_ids uuid[], types varchar[], dotnet_types varchar[], bodies jsonb[],
    correlation varchar, causation varchar, meta jsonb, stored_at timestamptz)
returns bigint[]
language plpgsql
as $$
declare
    versions bigint[] := '{}';
    current_version bigint;
    archived boolean;
    first int := 1;
begin
    for i in 1 .. cardinality(streams) loop
        current_version := null;
        if expected[i] <= 0 then
            insert into mt_streams (id, type, version, timestamp, created, tenant_id, is_archived)
            values (streams[i], stream_types[i], 0, stored_at, stored_at, '*DEFAULT*', false)
            on conflict (id) do nothing;
            if found then
                current_version := 0;
                archived := false;
            elsif expected[i] = 0 then
                raise exception 'stream % exists already', streams[i] using errcode = 'AP001';
            end if;
        end if;

        if current_version is null then
            select s.version, s.is_archived into current_version, archived from mt_streams s where s.id = streams[i] for update;
            if not found then
                raise exception 'stream % was expected at version % and does not exist', streams[i], expected[i] using errcode = 'AP001';
            end if;
        end if;

        if archived then
            raise exception 'stream % is archived', streams[i] using errcode = 'AP002';
        end if;

        if expected[i] > 0 and current_version <> expected[i] then
            raise exception 'stream % was expected at version % and is at %', streams[i], expected[i], current_version using errcode = 'AP001';
        end if;

        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, headers, is_archived)
        select nextval('mt_events_sequence'), e.id, streams[i], current_version + e.n, e.body, e.type, stored_at, '*DEFAULT*', e.dotnet_type, correlation, causation, meta, false
        from (
            select u.id, u.type, u.dotnet_type, u.body, u.n
            from unnest(
                event_ids[first : first + counts[i] - 1], types[first : first + counts[i] - 1],
                dotnet_types[first : first + counts[i] - 1], bodies[first : first + counts[i] - 1]) with ordinality as u (id, type, dotnet_type, body, n)
            order by u.n) e;

        update mt_streams set version = current_version + counts[i], timestamp = stored_at where id = streams[i];
        versions := versions || (current_version + counts[i]);
        first := first + counts[i];
    end loop;
    return versions;
end
$$;
