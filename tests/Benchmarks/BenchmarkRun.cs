using System.Globalization;
using AgentPlatform.Provisioning.Nats;
using AgentPlatform.Provisioning.Postgres;

namespace AgentPlatform.Benchmarks;

/// <summary>The servers all benchmarks share, durable as in production, and the table they fill.</summary>
internal sealed class BenchmarkRun : IAsyncDisposable
{
    private TextWriter _output;
    private int _databases;
    private string _headed = "";

    private BenchmarkRun(bool small, TextWriter output, PostgresServer postgres, NatsServer nats) =>
        (IsSmall, _output, Postgres, Nats) = (small, output, postgres, nats);

    /// <summary>True: a moment only, to see that everything still runs; the figures mean nothing.</summary>
    public bool IsSmall { get; }

    public PostgresServer Postgres { get; }

    public NatsServer Nats { get; }

    /// <summary>How long one measurement lasts.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(IsSmall ? 0.2 : 4);

    /// <summary>Baseline and subject take turns this often, so that both meet the same weather.</summary>
    public int Rounds => IsSmall ? 1 : 3;

    public static async Task<BenchmarkRun> Start(bool small, TextWriter output)
    {
        var postgres = await PostgresServer.StartTemporaryAsync(durable: true);
        var nats = await NatsServer.StartTemporaryAsync();
        output.WriteLine(FormattableString.Invariant($"{Environment.ProcessorCount} cores, .NET {Environment.Version}, fsync on{(small ? ", SMALL: figures mean nothing" : "")}"));
        return new BenchmarkRun(small, output, postgres, nats);
    }

    /// <summary>The same run, whose tables go elsewhere from now on.</summary>
    public BenchmarkRun Telling(TextWriter output)
    {
        (_output, _headed) = (output, "");
        return this;
    }

    /// <summary>A new database; its connection string.</summary>
    public async Task<string> NewDatabase()
    {
        var name = $"bench{Interlocked.Increment(ref _databases)}";
        await Postgres.EnsureDatabaseAsync(name);
        return Postgres.ConnectionString(name);
    }

    /// <summary>A line of the table with latencies.</summary>
    public void Latencies(string what, Sample sample) => Row(
        "what | n | p50 ms | p95 ms | p99 ms | max ms | per second",
        what, sample.Count.ToString("N0", CultureInfo.InvariantCulture), sample.Milliseconds(0.5), sample.Milliseconds(0.95), sample.Milliseconds(0.99), sample.Milliseconds(1), sample.PerSecond.ToString("N0", CultureInfo.InvariantCulture));

    /// <summary>A line of a table with columns of its own.</summary>
    public void Row(string heading, params string[] cells)
    {
        if (_headed != heading)
        {
            _headed = heading;
            _output.WriteLine();
            _output.WriteLine($"| {heading} |");
            _output.WriteLine($"|{string.Concat(Enumerable.Repeat("---|", heading.Count(c => c == '|') + 1))}");
        }

        _output.WriteLine($"| {string.Join(" | ", cells)} |");
    }

    public async ValueTask DisposeAsync()
    {
        await Nats.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
