using AgentPlatform.Audit.Parity;
using AgentPlatform.Contracts;

namespace AgentPlatform.Audit.Tests.Parity;

public sealed class RangesTests
{
    [Theory]
    [InlineData("", "", "")]
    [InlineData("1-5", "", "1-5")]
    [InlineData("1-5", "1-5", "")]
    [InlineData("1-5", "2-3", "1-1 4-5")]
    [InlineData("1-5 8-9", "0-1 5-8", "2-4 9-9")]
    [InlineData("1-2 4-5 7-8", "1-8", "")]
    [InlineData("1-9", "2-2 4-4 6-20", "1-1 3-3 5-5")]
    public void What_is_missing_is_what_is_stored_and_not_recorded(string stored, string recorded, string missing) =>
        Assert.Equal(Parse(missing), Ranges.Without(Parse(stored), Parse(recorded)));

    [Fact]
    public void Any_two_sets_agree_with_the_plain_difference()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            HashSet<long> Some() => [.. Enumerable.Range(1, 30).Where(_ => random.Next(2) == 0).Select(n => (long)n)];
            var (stored, recorded) = (Some(), Some());
            var missing = Ranges.Without(Compress(stored), Compress(recorded));

            Assert.True(stored.Except(recorded).Order().SequenceEqual(missing.SelectMany(range => Enumerable.Range((int)range.From, (int)(range.To - range.From + 1)).Select(n => (long)n))), $"seed {seed}");
            Assert.Equal(stored.Except(recorded).LongCount(), Ranges.Count(missing));
        }
    }

    private static List<SequenceRange> Compress(IEnumerable<long> numbers) =>
        [.. numbers.Order().Select((n, i) => (n, island: n - i)).GroupBy(pair => pair.island).Select(group => new SequenceRange(group.First().n, group.Last().n))];

    private static List<SequenceRange> Parse(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('-')).Select(ends => new SequenceRange(long.Parse(ends[0]), long.Parse(ends[1])))];
}
