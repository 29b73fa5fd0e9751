using System.Globalization;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Messaging;

/// <summary>A numbered message, ready to be published.</summary>
/// <param name="Channel">The row of its channel.</param>
/// <param name="Position">Its place in the channel.</param>
/// <param name="Subject">The NATS subject.</param>
/// <param name="Payload">The envelope with its place in it.</param>
internal sealed record SentRow(long Channel, long Position, string Subject, byte[] Payload);

/// <summary>The sender's tables: what waits, what was sent and under which number.</summary>
/// <param name="database">The service's database.</param>
/// <param name="service">The service.</param>
/// <param name="time">The clock that says what is due.</param>
internal sealed class SentLog(NpgsqlDataSource database, string service, TimeProvider time)
{
    private byte[] _suffix = [];

    /// <summary>Under which name this database numbers; known after <see cref="Open"/>.</summary>
    public string Sequencer { get; private set; } = string.Empty;

    public async Task Open(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "with made as (insert into ap_sequencer (name) values ($1) on conflict do nothing returning name) select name from made union all select name from ap_sequencer limit 1");
        command.Parameters.Add(new() { Value = $"{service}-{Guid.CreateVersion7(time.GetUtcNow()):n}" });
        Sequencer = (string)(await command.ExecuteScalarAsync(ct))!;
        _suffix = Encoding.UTF8.GetBytes($$""","sequencer":"{{Sequencer}}","sequence":"{{new string('0', 19)}}"}""");
    }

    /// <summary>
    /// Stores up to where channels were acknowledged, and takes the next messages: one round trip, one commit. Where there are none it waits for no flush: a mark
    /// that a crash forgets costs a publication more.
    /// </summary>
    public async Task<List<SentRow>> Next(IReadOnlyDictionary<long, long> published, int rowsMax, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        if (published.Count > 0)
        {
            batch.BatchCommands.Add(new("set local synchronous_commit to off"));
        }

        AddMark(batch, published);
        batch.BatchCommands.Add(new("select channel, \"position\", subject, envelope from ap_number_due($1, $2)")
        {
            Parameters = { new() { Value = time.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz }, new() { Value = rowsMax } },
        });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await Rows(reader, ct);
    }

    /// <summary>Stores up to where channels were acknowledged.</summary>
    public async Task Mark(IReadOnlyDictionary<long, long> published, CancellationToken ct)
    {
        if (published.Count > 0)
        {
            await using var batch = database.CreateBatch();
            AddMark(batch, published);
            await batch.ExecuteNonQueryAsync(ct);
        }
    }

    /// <summary>Numbered by an earlier leader that did not live to see the acknowledgement.</summary>
    public async Task<List<SentRow>> Unacknowledged(IReadOnlyDictionary<long, long> published, int rowsMax, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        AddMark(batch, published);
        batch.BatchCommands.Add(new(
            """
            select s.channel, s.position, s.subject, s.envelope from ap_channels c join ap_sent s on s.channel = c.id and s.position > c.published
            where c.published < c.last order by s.channel, s.position limit $1
            """)
        {
            Parameters = { new() { Value = rowsMax } },
        });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await Rows(reader, ct);
    }

    public async Task<DateTimeOffset?> NextDue(CancellationToken ct)
    {
        await using var command = database.CreateCommand("select min(deliver_at) from ap_outbox where deliver_at > created_at");
        return await command.ExecuteScalarAsync(ct) is DateTime due ? new DateTimeOffset(due, TimeSpan.Zero) : null;
    }

    public async Task<ChannelsTold> Channels(CancellationToken ct)
    {
        await using var command = database.CreateCommand("select name, first, published from ap_channels where published > 0 order by name");
        await using var reader = await command.ExecuteReaderAsync(ct);
        var channels = new List<ChannelState>();
        while (await reader.ReadAsync(ct))
        {
            channels.Add(new ChannelState(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2)));
        }

        return new ChannelsTold(service, Sequencer, [.. channels]);
    }

    /// <summary>What is kept of these positions, and which of those that were published are kept no more.</summary>
    public async Task<(List<SentRow> Rows, List<Positions> Gone)> Find(string channel, IReadOnlyList<Positions> wanted, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new("select first, published from ap_channels where name = $1") { Parameters = { new() { Value = channel } } });
        batch.BatchCommands.Add(new(
            """
            select s.channel, s.position, s.subject, s.envelope
            from unnest($2, $3) as w(first, last) join ap_channels c on c.name = $1 join ap_sent s on s.channel = c.id and s.position between w.first and least(w.last, c.published)
            order by s.position
            """)
        {
            Parameters = { new() { Value = channel }, new() { Value = wanted.Select(w => w.First).ToArray() }, new() { Value = wanted.Select(w => w.Last).ToArray() } },
        });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            return ([], []);
        }

        var published = reader.GetInt64(1);
        await reader.NextResultAsync(ct);
        var rows = await Rows(reader, ct);
        var there = rows.Select(r => new Positions(r.Position, r.Position)).ToList();
        return (rows, [.. wanted.SelectMany(w => Gaps.Within(w with { Last = Math.Min(w.Last, published) }, there))]);
    }

    private static void AddMark(NpgsqlBatch batch, IReadOnlyDictionary<long, long> published)
    {
        if (published.Count > 0)
        {
            batch.BatchCommands.Add(new("update ap_channels c set published = greatest(c.published, v.position) from unnest($1, $2) as v(id, position) where c.id = v.id")
            {
                Parameters = { new() { Value = published.Keys.ToArray() }, new() { Value = published.Values.ToArray() } },
            });
        }
    }

    private async Task<List<SentRow>> Rows(NpgsqlDataReader reader, CancellationToken ct)
    {
        var rows = new List<SentRow>();
        while (await reader.ReadAsync(ct))
        {
            var position = reader.GetInt64(1);
            rows.Add(new SentRow(reader.GetInt64(0), position, reader.GetString(2), Numbered(reader, position)));
        }

        return rows;
    }

    // The envelope is a JSON object: its closing brace is overwritten by the place and a brace. Read into its final buffer, copied once.
    private byte[] Numbered(NpgsqlDataReader reader, long position)
    {
        var length = (int)reader.GetBytes(3, 0, buffer: null, 0, 0);
        var payload = new byte[length - 1 + _suffix.Length];
        reader.GetBytes(3, 0, payload, 0, length);
        _suffix.CopyTo(payload, length - 1);
        position.TryFormat(payload.AsSpan(payload.Length - 21, 19), out _, "D19", CultureInfo.InvariantCulture);
        return payload;
    }
}
