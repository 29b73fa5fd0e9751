using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests.Marten;

/// <summary>The tables as Marten 9 makes them with string identity, single tenancy, correlation, causation and headers: its schema check must find no difference.</summary>
public sealed class SchemaTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("mt_streams", """
        id character varying not null
        type character varying
        version bigint
        timestamp timestamp with time zone not null default now()
        created timestamp with time zone not null default now()
        tenant_id character varying default '*DEFAULT*'::character varying
        is_archived boolean default false
        """)]
    [InlineData("mt_events", """
        seq_id bigint not null
        id uuid not null
        stream_id character varying
        version bigint not null
        data jsonb not null
        bdata bytea
        type character varying(500) not null
        timestamp timestamp with time zone not null default now()
        tenant_id character varying default '*DEFAULT*'::character varying
        mt_dotnet_type character varying
        correlation_id character varying
        causation_id character varying
        headers jsonb
        is_archived boolean default false
        """)]
    [InlineData("mt_event_progression", """
        name character varying not null
        last_seq_id bigint
        last_updated timestamp with time zone default transaction_timestamp()
        """)]
    [InlineData("mt_high_water_skips", """
        ending_sequence bigint not null
        starting_sequence bigint not null
        timestamp timestamp with time zone default transaction_timestamp()
        """)]
    public async Task A_table_has_the_columns_that_Marten_gives_it_in_its_order(string table, string columns)
    {
        await using var db = await CounterStore.Empty(servers);

        Assert.Equal(columns.Split('\n'), await Lines(db,
            $"""
            select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
            from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = '{table}'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
            """));
    }

    [Fact]
    public async Task Constraints_and_indexes_have_the_names_that_Marten_looks_for_and_none_is_ours()
    {
        await using var db = await CounterStore.Empty(servers);

        Assert.Equal(
            [
                "mt_event_progression pk_mt_event_progression PRIMARY KEY (name)",
                "mt_events fkey_mt_events_stream_id FOREIGN KEY (stream_id) REFERENCES mt_streams(id) ON DELETE CASCADE",
                "mt_events pkey_mt_events_seq_id PRIMARY KEY (seq_id)",
                "mt_high_water_skips pkey_mt_high_water_skips_ending_sequence PRIMARY KEY (ending_sequence)",
                "mt_streams pkey_mt_streams_id PRIMARY KEY (id)",
            ],
            await Lines(db, "select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) as line from pg_constraint where conrelid::regclass::text like 'mt\\_%' and contype <> 'n' order by line"));
        Assert.Equal(
            [
                "CREATE UNIQUE INDEX pk_mt_event_progression ON public.mt_event_progression USING btree (name)",
                "CREATE UNIQUE INDEX pk_mt_events_stream_and_version ON public.mt_events USING btree (stream_id, version)",
                "CREATE UNIQUE INDEX pkey_mt_events_seq_id ON public.mt_events USING btree (seq_id)",
                "CREATE UNIQUE INDEX pkey_mt_high_water_skips_ending_sequence ON public.mt_high_water_skips USING btree (ending_sequence)",
                "CREATE UNIQUE INDEX pkey_mt_streams_id ON public.mt_streams USING btree (id)",
            ],
            await Lines(db, "select indexdef from pg_indexes where tablename like 'mt\\_%' order by indexname"));
    }

    [Fact]
    public async Task The_sequence_starts_at_one_without_cache_and_belongs_to_the_events_without_being_their_default()
    {
        await using var db = await CounterStore.Empty(servers);

        Assert.Equal(["bigint 1 1 1 mt_events.seq_id"], await Lines(db,
            """
            select s.data_type || ' ' || s.start_value || ' ' || s.increment_by || ' ' || s.cache_size || ' ' || d.refobjid::regclass || '.' || a.attname
            from pg_sequences s join pg_depend d on d.objid = 'mt_events_sequence'::regclass and d.deptype = 'a' join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where s.sequencename = 'mt_events_sequence'
            """));
    }

    [Fact]
    public async Task The_functions_have_the_signatures_that_Marten_calls()
    {
        await using var db = await CounterStore.Empty(servers);

        Assert.Equal(
            [
                "mt_archive_stream(streamid character varying) void",
                "mt_mark_event_progression(name character varying, last_encountered bigint) void",
                "mt_mark_progression_with_skip(shard_name character varying, ending_sequence bigint, starting_sequence bigint) bigint",
                "mt_quick_append_events(stream character varying, stream_type character varying, tenantid character varying, event_ids uuid[], event_types character varying[], "
                + "dotnet_types character varying[], bodies jsonb[], bdatas bytea[], causation_ids character varying[], correlation_ids character varying[], headers jsonb[], "
                + "timestamps timestamp with time zone[], expected_version bigint DEFAULT NULL::bigint) bigint[]",
            ],
            await Lines(db, Functions));
    }

    [Fact]
    public async Task A_function_that_Marten_replaced_by_its_own_stays_alone_whatever_its_arguments()
    {
        await using var db = await CounterStore.Empty(servers);
        await Execute(db, "drop function mt_quick_append_events");
        await Execute(db, "create function mt_quick_append_events(stream varchar, event_ids uuid[]) returns bigint[] language sql as $$ select '{7}'::bigint[] $$");
        await Execute(db, "create or replace function mt_archive_stream(streamid varchar) returns void language plpgsql as $$ begin update mt_streams set is_archived = true where id = streamid; end $$");

        await Schema.Apply(db.Database, Schema.Events, Ct);

        Assert.Equal(["mt_quick_append_events(stream character varying, event_ids uuid[]) bigint[]"], (await Lines(db, Functions)).Where(f => f.StartsWith("mt_quick", StringComparison.Ordinal)));
        Assert.Single(await Lines(db, "select proname from pg_proc where proname = 'mt_archive_stream'"));
    }

    private const string Functions =
        "select p.proname || '(' || pg_get_function_arguments(p.oid) || ') ' || pg_get_function_result(p.oid) from pg_proc p where p.proname like 'mt\\_%' order by p.proname";

    private static async Task<List<string>> Lines(CounterStore db, string sql)
    {
        await using var command = db.Database.CreateCommand(sql);
        var lines = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Ct);
        while (await reader.ReadAsync(Ct))
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }

    private static async Task Execute(CounterStore db, string sql)
    {
        await using var command = db.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }
}
