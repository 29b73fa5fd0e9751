using System.Diagnostics;
using System.Globalization;

namespace AgentPlatform.Benchmarks;

/// <summary>Durations of many operations, and how long all of them took.</summary>
internal sealed class Sample
{
    private readonly List<long> _ticks = [];
    private TimeSpan _whole;
    private long _operations;

    public long Count => _operations;

    /// <summary>Units of work a second, in the sum of all rounds.</summary>
    public double PerSecond => _operations / _whole.TotalSeconds;

    /// <summary>Several writers for a while; each call of <paramref name="operation"/> is one duration and counts <paramref name="units"/>.</summary>
    public async Task Add(int writers, TimeSpan duration, int units, Func<int, int, Task> operation)
    {
        var begun = Stopwatch.GetTimestamp();
        var all = await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            var mine = new List<long>();
            for (var i = 0; Stopwatch.GetElapsedTime(begun) < duration; i++)
            {
                var at = Stopwatch.GetTimestamp();
                await operation(writer, i);
                mine.Add(Stopwatch.GetTimestamp() - at);
            }

            return mine;
        })));
        _whole += Stopwatch.GetElapsedTime(begun);
        foreach (var mine in all)
        {
            _ticks.AddRange(mine);
            _operations += (long)mine.Count * units;
        }
    }

    /// <summary>Durations measured elsewhere.</summary>
    public void Add(IEnumerable<long> ticks, TimeSpan whole)
    {
        var before = _ticks.Count;
        _ticks.AddRange(ticks);
        _operations += _ticks.Count - before;
        _whole += whole;
    }

    /// <summary>A quantile; 1 is the longest.</summary>
    public TimeSpan Quantile(double q)
    {
        _ticks.Sort();
        return Stopwatch.GetElapsedTime(0, _ticks[Math.Clamp((int)Math.Ceiling(q * _ticks.Count) - 1, 0, _ticks.Count - 1)]);
    }

    public string Milliseconds(double q) => Quantile(q).TotalMilliseconds.ToString("0.00", CultureInfo.InvariantCulture);
}
