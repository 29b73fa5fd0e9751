-- What async projections need beside mt_event_progression, which holds how far each one is: <name>:All for the rows that are served,
-- <name>:Next:All for the ones being built beside them.

create table if not exists ap_projections (
    name varchar not null primary key,
    version int not null,
    generation bigint not null default 1,
    building int null,
    paused_at timestamptz null,
    paused_because varchar null
);

create table if not exists ap_parked_events (
    projection varchar not null,
    seq_id bigint not null,
    reason varchar not null,
    stack text null,
    attempts int not null default 1,
    parked_at timestamptz not null default (now()),
    retry_asked_at timestamptz null,
    retried_at timestamptz null,
    primary key (projection, seq_id)
);

create index if not exists ap_parked_events_asked on ap_parked_events (projection, retry_asked_at) where retry_asked_at is not null;
create index if not exists ap_parked_events_retried on ap_parked_events (projection, retried_at) where retried_at is not null;

-- First statement of every transaction of a projection. A leader that does not know yet that it lost finds another position or another generation here,
-- and nothing of what it wanted to store is stored.
create or replace function ap_advance_projection(projection varchar, expected_generation bigint, progress varchar, position_before bigint, position_after bigint)
returns void
language plpgsql
as $$
begin
    if not exists (select 1 from ap_projections p where p.name = projection and p.generation = expected_generation) then
        raise exception 'projection % was rebuilt or switched meanwhile', projection using errcode = 'AP010';
    end if;

    update mt_event_progression set last_seq_id = position_after, last_updated = clock_timestamp() where name = progress and last_seq_id = position_before;
    if not found then
        raise exception '% is not at % any more; somebody else leads', progress, position_before using errcode = 'AP010';
    end if;
end
$$;

-- Begins to build a projection anew beside the rows that are served; what an interrupted attempt left behind goes.
create or replace function ap_begin_projection(projection varchar, next_version int, kinds varchar[], tables varchar[])
returns void
language plpgsql
as $$
begin
    update ap_projections set building = next_version, generation = generation + 1, paused_at = null, paused_because = null where name = projection;
    insert into mt_event_progression (name, last_seq_id) values (projection || ':Next:All', 0)
    on conflict (name) do update set last_seq_id = 0, last_updated = clock_timestamp();
    delete from ap_parked_events p where p.projection = ap_begin_projection.projection || ':Next';
    delete from ap_views where kind in (select k || '~next' from unnest(kinds) k);
    for i in 1 .. cardinality(tables) loop
        execute format('drop table if exists %I', tables[i] || '__next');
        execute format('create table %I (like %I including all)', tables[i] || '__next', tables[i]);
    end loop;
end
$$;

-- Puts what was built in the place of what was served. served_position: null when the served rows stand still, else what both must have reached.
create or replace function ap_switch_projection(
    projection varchar, expected_generation bigint, served_position bigint, built_position bigint, kinds varchar[], tables varchar[])
returns void
language plpgsql
as $$
begin
    update ap_projections set version = building, building = null, generation = generation + 1, paused_at = null, paused_because = null
    where name = projection and generation = expected_generation and building is not null;
    if not found then
        raise exception 'projection % was rebuilt or switched meanwhile', projection using errcode = 'AP010';
    end if;

    delete from mt_event_progression where name = projection || ':All' and (served_position is null or last_seq_id = served_position);
    if not found then
        raise exception '%:All is not at % any more; somebody else leads', projection, served_position using errcode = 'AP010';
    end if;

    update mt_event_progression set name = projection || ':All', last_updated = clock_timestamp() where name = projection || ':Next:All' and last_seq_id = built_position;
    if not found then
        raise exception '%:Next:All is not at % any more; somebody else leads', projection, built_position using errcode = 'AP010';
    end if;

    delete from ap_parked_events p where p.projection = ap_switch_projection.projection;
    update ap_parked_events p set projection = ap_switch_projection.projection where p.projection = ap_switch_projection.projection || ':Next';
    delete from ap_views where kind = any(kinds);
    update ap_views set kind = left(kind, -length('~next')) where kind in (select k || '~next' from unnest(kinds) k);
    for i in 1 .. cardinality(tables) loop
        execute format('delete from %I', tables[i]);
        execute format('insert into %I overriding system value select * from %I', tables[i], tables[i] || '__next');
        execute format('drop table %I', tables[i] || '__next');
    end loop;
end
$$;
