using System.Globalization;
using AgentPlatform.EventStore;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>
/// The ledger in the service's database. Reserving locks the counters of the call, in one order, and looks after it has the
/// lock. Settling touches rows of its own attempt only, so it waits for nobody and can stand in the transaction of the call's
/// record; what is settled is added to its counter by the next who reserves there.
/// </summary>
public sealed class PostgresBudgetLedger(PostgresEventStore store) : IBudgetLedger
{
    public const string Schema =
        """
        create table if not exists ap_budget_counters (counter varchar primary key, tokens bigint not null default 0, money numeric not null default 0);
        create table if not exists ap_budget_entries (
            counter varchar not null,
            attempt uuid not null,
            tokens bigint not null,
            money numeric not null,
            expires_at timestamptz,
            primary key (counter, attempt)
        );
        create table if not exists ap_model_usage (
            attempt uuid primary key,
            call_id uuid not null,
            day date not null,
            principal varchar not null,
            run varchar,
            provider varchar not null,
            model varchar not null,
            input_tokens bigint not null,
            cached_tokens bigint not null,
            output_tokens bigint not null,
            money numeric,
            estimated boolean not null,
            failed boolean not null
        );
        create index if not exists ap_model_usage_by_day on ap_model_usage (day);

        create or replace function ap_budget_reserve(
            attempt_id uuid, counters text[], tokens_max bigint[], money_max numeric[], want_tokens bigint, want_money numeric, now_at timestamptz, expires timestamptz)
        returns table (refused text, tokens_left bigint, money_left numeric) language plpgsql as $f$
        declare
            used_tokens bigint;
            used_money numeric;
        begin
            insert into ap_budget_counters (counter) select c from unnest(counters) c order by c on conflict do nothing;
            perform 1 from ap_budget_counters k where k.counter = any(counters) order by k.counter for update;
            -- A statement of its own: it has to see what was settled while this call waited for the lock.
            with done as (
                delete from ap_budget_entries e using (
                    select f.counter, f.attempt from ap_budget_entries f
                    where f.counter = any(counters) and (f.expires_at is null or f.expires_at <= now_at) for update skip locked) g
                where e.counter = g.counter and e.attempt = g.attempt
                returning e.counter, e.expires_at, e.tokens, e.money)
            update ap_budget_counters k set tokens = k.tokens + s.tokens, money = k.money + s.money
            from (select d.counter, sum(d.tokens) as tokens, sum(d.money) as money from done d where d.expires_at is null group by d.counter) s
            where k.counter = s.counter;
            for n in 1 .. array_length(counters, 1) loop
                select k.tokens + coalesce(sum(e.tokens), 0), k.money + coalesce(sum(e.money), 0) into used_tokens, used_money
                from ap_budget_counters k left join ap_budget_entries e on e.counter = k.counter
                where k.counter = counters[n] group by k.tokens, k.money;
                -- What costs nothing is not stopped by a budget in money, however much of that is gone.
                if tokens_max[n] - used_tokens < want_tokens or want_money > 0 and money_max[n] - used_money < want_money then
                    return query select counters[n], tokens_max[n] - used_tokens, money_max[n] - used_money;
                    return;
                end if;
            end loop;
            insert into ap_budget_entries (counter, attempt, tokens, money, expires_at) select c, attempt_id, want_tokens, want_money, expires from unnest(counters) c;
        end $f$;
        """;

    public async Task<BudgetRefusal?> Reserve(Reservation wanted, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand("select refused, tokens_left, money_left from ap_budget_reserve($1, $2, $3, $4, $5, $6, $7, $8)");
        Add(command.Parameters, wanted.Attempt);
        Add(command.Parameters, wanted.Claims.Select(claim => claim.Counter).ToArray());
        Add(command.Parameters, wanted.Claims.Select(claim => claim.Budget.TokensMax).ToArray());
        Add(command.Parameters, wanted.Claims.Select(claim => claim.Budget.MoneyMax).ToArray());
        Add(command.Parameters, wanted.Tokens);
        Add(command.Parameters, wanted.Money);
        Add(command.Parameters, wanted.At.ToUniversalTime());
        Add(command.Parameters, wanted.Expires.ToUniversalTime());
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            return null;
        }
        var counter = reader.GetString(0);
        return new BudgetRefusal(wanted.Claims.First(claim => claim.Counter == counter).Budget, counter,
            await reader.IsDBNullAsync(1, ct) ? null : reader.GetInt64(1), await reader.IsDBNullAsync(2, ct) ? null : reader.GetDecimal(2));
    }

    public async Task Settle(Settlement used, CancellationToken ct)
    {
        await using var connection = await store.Database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var statement in Statements([used]))
        {
            batch.BatchCommands.Add(statement);
        }
        await batch.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>What settling does, for the transaction that stores the calls' records: a record without its usage, or the other way round, never is. Told twice it counts once.</summary>
    public static IReadOnlyList<NpgsqlBatchCommand> Statements(IReadOnlyList<Settlement> settled)
    {
        if (settled.Count == 0)
        {
            return [];
        }
        var counted = settled.SelectMany(used => used.Counters.Select(counter => (Counter: counter, Used: used))).ToArray();
        const string Usage =
            """
            insert into ap_model_usage (attempt, call_id, day, principal, run, provider, model, input_tokens, cached_tokens, output_tokens, money, estimated, failed)
            select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (attempt) do nothing
            """;
        // Only for usage that is new: an entry told twice may have been added to its counter and removed meanwhile.
        var usage = new NpgsqlBatchCommand(counted.Length == 0 ? Usage :
            $"""
            with fresh as ({Usage} returning attempt)
            insert into ap_budget_entries (counter, attempt, tokens, money)
            select e.* from unnest($14, $15, $16, $17) e (counter, attempt, tokens, money) join fresh on fresh.attempt = e.attempt
            on conflict (counter, attempt) do update set tokens = excluded.tokens, money = excluded.money, expires_at = null
            """);
        Each(usage, settled, used => used.Attempt, NpgsqlDbType.Uuid);
        Each(usage, settled, used => used.Call, NpgsqlDbType.Uuid);
        Each(usage, settled, used => DateOnly.FromDateTime(used.At.UtcDateTime), NpgsqlDbType.Date);
        Each(usage, settled, used => used.Principal, NpgsqlDbType.Varchar);
        Each(usage, settled, used => used.Run, NpgsqlDbType.Varchar);
        Each(usage, settled, used => used.Provider, NpgsqlDbType.Varchar);
        Each(usage, settled, used => used.Model, NpgsqlDbType.Varchar);
        Each(usage, settled, used => used.Input, NpgsqlDbType.Bigint);
        Each(usage, settled, used => used.CacheRead, NpgsqlDbType.Bigint);
        Each(usage, settled, used => used.Output, NpgsqlDbType.Bigint);
        Each(usage, settled, used => used.Money, NpgsqlDbType.Numeric);
        Each(usage, settled, used => used.Estimated, NpgsqlDbType.Boolean);
        Each(usage, settled, used => used.Failed, NpgsqlDbType.Boolean);
        if (counted.Length > 0)
        {
            Each(usage, counted, one => one.Counter, NpgsqlDbType.Varchar);
            Each(usage, counted, one => one.Used.Attempt, NpgsqlDbType.Uuid);
            Each(usage, counted, one => one.Used.Tokens, NpgsqlDbType.Bigint);
            Each(usage, counted, one => one.Used.Money ?? 0m, NpgsqlDbType.Numeric);
        }
        return [usage];
    }

    public async Task<IReadOnlyList<UsageSum>> Sum(UsageQuery query, CancellationToken ct)
    {
        // Column names come from a closed list, never from a caller.
        var columns = query.By.Select(column => UsageQuery.Columns.Contains(column) ? column : throw new ArgumentException($"no column {column}", nameof(query))).ToArray();
        var texts = string.Concat(columns.Select(column => column == "day" ? "to_char(day, 'YYYY-MM-DD'), " : column + ", "));
        var group = columns.Length == 0 ? "having count(*) > 0" : $"group by {string.Join(", ", columns)} order by {string.Join(", ", columns)}";
        await using var command = store.Database.CreateCommand(
            $"""
            select {texts} count(*), count(*) filter (where failed), sum(input_tokens)::bigint, sum(cached_tokens)::bigint, sum(output_tokens)::bigint,
                   coalesce(sum(money), 0), count(*) filter (where money is null), count(*) filter (where estimated)
            from ap_model_usage where day between $1 and $2 {group} limit $3
            """);
        Add(command.Parameters, query.From);
        Add(command.Parameters, query.To);
        Add(command.Parameters, query.RowsMax);
        var sums = new List<UsageSum>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var of = new Dictionary<string, string?>();
            for (var n = 0; n < columns.Length; n++)
            {
                of[columns[n]] = await reader.IsDBNullAsync(n, ct) ? null : reader.GetString(n);
            }
            var at = columns.Length;
            sums.Add(new UsageSum(of, reader.GetInt64(at), reader.GetInt64(at + 1), reader.GetInt64(at + 2), reader.GetInt64(at + 3), reader.GetInt64(at + 4),
                reader.GetDecimal(at + 5), reader.GetInt64(at + 6), reader.GetInt64(at + 7)));
        }
        return sums;
    }

    /// <summary>Forgets counters of days before this one and what still stands on them; at most a bounded number in one go.</summary>
    public async Task<int> Forget(DateTimeOffset before, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            """
            with old as (
                select counter from ap_budget_counters
                where split_part(counter, '|', 2) ~ '^\d{4}-\d{2}-\d{2}$' and split_part(counter, '|', 2) < $1 order by counter limit 1000 for update skip locked),
            gone as (delete from ap_budget_entries e using old where e.counter = old.counter)
            delete from ap_budget_counters k using old where k.counter = old.counter
            """);
        Add(command.Parameters, before.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        return await command.ExecuteNonQueryAsync(ct);
    }

    public async Task<IReadOnlyList<Spending>> Spent(string budget, int max, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            """
            select k.counter, k.tokens + coalesce(sum(e.tokens) filter (where e.expires_at is null), 0)::bigint, k.money + coalesce(sum(e.money) filter (where e.expires_at is null), 0),
                   coalesce(sum(e.tokens) filter (where e.expires_at > $2), 0)::bigint, coalesce(sum(e.money) filter (where e.expires_at > $2), 0)
            from ap_budget_counters k left join ap_budget_entries e on e.counter = k.counter
            where starts_with(k.counter, $1) group by k.counter order by k.counter collate "C" desc limit $3
            """);
        Add(command.Parameters, budget + "|");
        Add(command.Parameters, now.ToUniversalTime());
        Add(command.Parameters, max);
        var all = new List<Spending>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            all.Add(new Spending(reader.GetString(0), reader.GetInt64(1), reader.GetDecimal(2), reader.GetInt64(3), reader.GetDecimal(4)));
        }
        return all;
    }

    private static void Add(NpgsqlParameterCollection parameters, object value) => parameters.Add(new NpgsqlParameter { Value = value });

    private static void Each<TRow, T>(NpgsqlBatchCommand command, IReadOnlyList<TRow> rows, Func<TRow, T> of, NpgsqlDbType type) =>
        command.Parameters.Add(new NpgsqlParameter<T[]> { TypedValue = [.. rows.Select(of)], NpgsqlDbType = NpgsqlDbType.Array | type });
}
