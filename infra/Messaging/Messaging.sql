-- Messages on their way out and messages that came in, in the same database and transaction as the facts they belong to.

create table if not exists ap_outbox (
    position bigint generated always as identity primary key,
    id uuid not null,
    subject varchar not null,
    envelope bytea not null,
    deliver_at timestamptz not null,
    created_at timestamptz not null default (now()),
    published_at timestamptz null
);

create index if not exists ap_outbox_due on ap_outbox (deliver_at, position) where published_at is null;
create index if not exists ap_outbox_published on ap_outbox (published_at) where published_at is not null;

create table if not exists ap_inbox (
    message_id varchar not null,
    handler varchar not null,
    handled_at timestamptz not null default (now()),
    constraint ap_inbox_once primary key (message_id, handler)
);

create index if not exists ap_inbox_by_age on ap_inbox (handled_at);

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
