-- Messages on their way out and messages that came in, in the same database and transaction as the facts they belong to.

-- Before the relay numbered messages, a row stayed here after it was published.
do $$ begin
    if exists (select from information_schema.columns where table_schema = current_schema() and table_name = 'ap_outbox' and column_name = 'published_at') then
        delete from ap_outbox where published_at is not null;
        alter table ap_outbox drop column published_at;
    end if;
end $$;

-- What waits: for the relay, or for its time.
create table if not exists ap_outbox (
    position bigint generated always as identity primary key,
    id uuid not null,
    subject varchar not null,
    envelope bytea not null,
    deliver_at timestamptz not null,
    created_at timestamptz not null default (now())
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

drop index if exists ap_outbox_due;

-- Two ways to be due: most are at once, in the order they were stored; time-outs wait in crowds and must not stand in front of the others.
create index if not exists ap_outbox_at_once on ap_outbox (position) where deliver_at <= created_at;
create index if not exists ap_outbox_later on ap_outbox (deliver_at, position) where deliver_at > created_at;

-- One row: the name under which this database numbers its messages. A database made anew numbers from 1 again, under another name.
create table if not exists ap_sequencer (one boolean primary key default true check (one), name varchar not null);

-- One row per kind of message sent. first: the oldest still kept; published: everything up to here was acknowledged by JetStream; last: numbered.
create table if not exists ap_channels (
    id bigint generated always as identity primary key,
    name varchar not null unique,
    first bigint not null default 1,
    published bigint not null default 0,
    last bigint not null default 0
);

-- What was sent, numbered without holes within its channel, kept so that it can be sent again.
create table if not exists ap_sent (
    channel bigint not null,
    position bigint not null,
    subject varchar not null,
    envelope bytea not null,
    sent_at timestamptz not null,
    primary key (channel, position)
);

-- Moves what is due from ap_outbox to ap_sent and numbers it; returns it in the order it was stored. In plpgsql, which plans once; a function in SQL plans at every call.
create or replace function ap_number_due(at timestamptz, rows_max int)
returns table (channel bigint, "position" bigint, subject varchar, envelope bytea)
language plpgsql
as $$
#variable_conflict use_column
begin
    return query
    with due as (
        delete from ap_outbox where ap_outbox.position = any (array(
            (select o.position from ap_outbox o where o.deliver_at <= o.created_at order by o.position limit rows_max)
            union all
            (select o.position from ap_outbox o where o.deliver_at > o.created_at and o.deliver_at <= at order by o.deliver_at, o.position limit rows_max)))
        returning ap_outbox.position as stored, ap_outbox.subject, ap_outbox.envelope
    ),
    named as (
        select d.*, case when d.subject like 'events.%' then regexp_replace(d.subject, '\.[^.]*$', '') else d.subject end as name from due d
    ),
    numbered as (
        select n.*, row_number() over (partition by n.name order by n.stored) as n, count(*) over (partition by n.name) as of from named n
    ),
    counted as (
        insert into ap_channels as c (name, last) select name, count(*) from numbered group by name order by name
        on conflict (name) do update set last = c.last + excluded.last
        returning c.id, c.name, c.last
    ),
    kept as (
        insert into ap_sent (channel, position, subject, envelope, sent_at)
        select c.id, c.last - n.of + n.n, n.subject, n.envelope, at from numbered n join counted c on c.name = n.name
    )
    select c.id, c.last - n.of + n.n, n.subject, n.envelope from numbered n join counted c on c.name = n.name order by n.stored;

    -- A mark alone may be lost in a crash (SentLog.Next); a number that will be published may not.
    if found then
        set local synchronous_commit to default;
    end if;
end
$$;

-- Up to which position of a sender's channel a handler is done: everything at or below was handled, is dead, or is lost for good (ap_passed).
-- Null until the sender first told what it has.
create table if not exists ap_marks (
    id bigint generated always as identity primary key,
    handler varchar not null,
    sequencer varchar not null,
    settled bigint null,
    constraint ap_marks_once unique (handler, sequencer)
);

-- Positions that were settled without an effect.
create table if not exists ap_passed (
    mark bigint not null,
    first bigint not null,
    last bigint not null,
    reason varchar not null,
    passed_at timestamptz not null default (now()),
    primary key (mark, first, last)
);

create table if not exists ap_inbox (
    message_id varchar not null,
    handler varchar not null,
    handled_at timestamptz not null default (now()),
    constraint ap_inbox_once primary key (message_id, handler)
);

-- Asked first: altering a table, even for nothing, waits for everybody who uses it.
do $$ begin
    if not exists (select from information_schema.columns where table_schema = current_schema() and table_name = 'ap_inbox' and column_name = 'mark') then
        alter table ap_inbox add column mark bigint null, add column position bigint null;
    end if;
end $$;
create index if not exists ap_inbox_by_position on ap_inbox (mark, position) where mark is not null;
drop index if exists ap_inbox_by_age;
create index if not exists ap_inbox_by_time on ap_inbox using brin (handled_at);

create or replace function ap_mark_of(taker varchar, numbered_by varchar) returns bigint language plpgsql as $$
declare
    found_id bigint;
begin
    select m.id into found_id from ap_marks m where m.handler = taker and m.sequencer = numbered_by;
    if not found then
        insert into ap_marks (handler, sequencer) values (taker, numbered_by) on conflict do nothing;
        select m.id into found_id from ap_marks m where m.handler = taker and m.sequencer = numbered_by;
    end if;
    return found_id;
end $$;

-- Completes a message for a handler where the plain insert (Inbox.Take) did not: the sequencer is new, or the inbox forgot the row, which raises AP003.
create or replace function ap_inbox_take(message varchar, taker varchar, numbered_by varchar, at_position bigint) returns void language plpgsql as $$
declare
    its_mark bigint;
begin
    if numbered_by is not null then
        its_mark := ap_mark_of(taker, numbered_by);
        if exists (select from ap_marks m where m.id = its_mark and m.settled >= at_position)
            and not exists (select from ap_passed p where p.mark = its_mark and at_position between p.first and p.last) then
            raise exception 'message % was handled before by %', message, taker using errcode = 'AP003';
        end if;
    end if;
    insert into ap_inbox (message_id, handler, mark, position) values (message, taker, its_mark, at_position);
end $$;

-- Completes many messages in one statement (Inbox.Taken); those that took effect before are refused by their places, in AP004.
create or replace function ap_inbox_take_all(messages varchar[], takers varchar[], sequencers varchar[], positions bigint[]) returns void language plpgsql as $$
declare
    left_over int[];
    refused int[];
    place int;
begin
    with wanted as (
        select w.*, m.id as its_mark, m.settled, row_number() over (partition by w.message, w.taker order by w.n) as copy
        from unnest(messages, takers, sequencers, positions) with ordinality as w (message, taker, numbered_by, at_position, n)
        left join ap_marks m on m.handler = w.taker and m.sequencer = w.numbered_by
    ),
    taken as (
        insert into ap_inbox (message_id, handler, mark, position)
        select w.message, w.taker, w.its_mark, w.at_position from wanted w
        where w.copy = 1 and (w.numbered_by is null or w.its_mark is not null and (w.settled is null or w.settled < w.at_position))
        order by w.message, w.taker
        on conflict do nothing
        returning message_id, handler
    )
    select array_agg(w.n order by w.n) into left_over from wanted w left join taken t on t.message_id = w.message and t.handler = w.taker
    where t.message_id is null or w.copy > 1;

    foreach place in array coalesce(left_over, '{}') loop
        begin
            perform ap_inbox_take(messages[place], takers[place], sequencers[place], positions[place]);
        exception when unique_violation or sqlstate 'AP003' then
            refused := refused || place;
        end;
    end loop;
    if refused is not null then
        raise exception '% messages were handled before', cardinality(refused) using errcode = 'AP004', constraint = array_to_string(refused, ',');
    end if;
end $$;

create table if not exists ap_dead_letters (
    id uuid not null primary key,
    message_id varchar not null,
    handler varchar not null,
    type varchar not null,
    subject varchar not null,
    envelope bytea not null,
    cause varchar not null,
    stack text null,
    attempts int not null,
    died_at timestamptz not null default (now()),
    retried_at timestamptz null
);

create index if not exists ap_dead_letters_by_time on ap_dead_letters (died_at);

alter table ap_dead_letters add column if not exists discarded_at timestamptz null;
alter table ap_dead_letters add column if not exists discarded_because varchar null;

create index if not exists ap_dead_letters_waiting on ap_dead_letters (died_at, id) where retried_at is null and discarded_at is null;
