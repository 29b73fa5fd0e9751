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

-- Commands that took effect, by an id of the caller's: the same command told again is refused before anything else happens.
create table if not exists ap_commands (
    id varchar not null constraint ap_commands_once primary key,
    handled_at timestamptz not null default (now())
);

create index if not exists ap_commands_by_age on ap_commands (handled_at);

-- Why an append to a stream is refused, and with which code: AP001 another version, AP002 archived.
create or replace function ap_refusal(stream varchar, expected bigint, out code text, out reason text)
language plpgsql
as $$
declare
    there bigint;
    archived boolean;
begin
    select s.version, s.is_archived into there, archived from mt_streams s where s.id = stream;
    code := case when archived and expected <> 0 then 'AP002' else 'AP001' end;
    reason := 'stream ' || stream || case
        when expected = 0 then ' exists already'
        when archived then ' is archived'
        when there is null then ' was expected at version ' || expected || ' and does not exist'
        else ' was expected at version ' || expected || ' and is at ' || there end;
end
$$;

-- Ends a single append (StoreGroup.cs) before it draws a position.
create or replace function ap_refused(stream varchar, expected bigint)
returns bigint
language plpgsql
as $$
declare
    refusal record;
begin
    select * into refusal from ap_refusal(stream, expected);
    raise exception '%', refusal.reason using errcode = 'AP001', constraint = '1:' || refusal.code;
end
$$;

-- Appends to any number of streams, of one unit of work or of several that share a commit. Every stream row is locked and its version checked before the
-- first position is drawn, so stale writers leave no hole, and the transaction has an id before it draws, so that a reader can prove a hole empty
-- (HighWater.cs). Callers pass the streams sorted by id, so that two writers cannot wait for each other.
-- expected: -1 any, 0 no stream, n exactly n. The events of stream i lie together, counts[i] of them, in the order of the streams.
-- All refused streams are told at once: their ordinals and codes in the error's constraint name ('2:AP001,5:AP002'), a line of reason each in the message.
create or replace function ap_append_events(
    streams varchar[], stream_types varchar[], expected bigint[], counts int[], correlations varchar[], causations varchar[], metas jsonb[],
    stream_of int[], event_ids uuid[], types varchar[], dotnet_types varchar[], bodies jsonb[], stored_at timestamptz)
returns bigint[]
language plpgsql
as $$
declare
    versions bigint[] := '{}';
    firsts int[] := '{}';
    first int := 1;
    reached bigint;
    refusal record;
    refused text;
    reasons text;
begin
    for i in 1 .. cardinality(streams) loop
        reached := null;
        if expected[i] <> 0 then
            update mt_streams s set version = s.version + counts[i], timestamp = stored_at
            where s.id = streams[i] and (expected[i] = -1 or s.version = expected[i]) and s.is_archived is not true
            returning s.version into reached;
        end if;

        if reached is null and expected[i] <= 0 then
            insert into mt_streams (id, type, version, timestamp, created, tenant_id, is_archived)
            values (streams[i], stream_types[i], counts[i], stored_at, stored_at, '*DEFAULT*', false)
            on conflict (id) do nothing
            returning version into reached;
            if reached is null and expected[i] = -1 then
                -- Somebody else started it in the meantime, or it is archived.
                update mt_streams s set version = s.version + counts[i], timestamp = stored_at where s.id = streams[i] and s.is_archived is not true
                returning s.version into reached;
            end if;
        end if;

        if reached is null then
            select * into refusal from ap_refusal(streams[i], expected[i]);
            refused := concat_ws(',', refused, i || ':' || refusal.code);
            reasons := concat_ws(E'\n', reasons, refusal.reason);
        end if;

        versions := versions || reached;
        firsts := firsts || first;
        first := first + counts[i];
    end loop;

    if refused is not null then
        raise exception '%', reasons using errcode = 'AP001', constraint = refused;
    end if;

    insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, headers, is_archived)
    select nextval('mt_events_sequence'), e.id, streams[e.s], versions[e.s] - counts[e.s] + 1 + e.n - firsts[e.s], e.body, e.type, stored_at, '*DEFAULT*',
           e.dotnet_type, correlations[e.s], causations[e.s], metas[e.s], false
    from (
        select u.s, u.id, u.type, u.dotnet_type, u.body, u.n
        from unnest(stream_of, event_ids, types, dotnet_types, bodies) with ordinality as u (s, id, type, dotnet_type, body, n)
        order by u.n) e;
    return versions;
end
$$;
