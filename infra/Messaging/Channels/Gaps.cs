namespace AgentPlatform.Messaging;

/// <summary>Arithmetic on what is there and what is missing.</summary>
internal static class Gaps
{
    /// <summary>The parts of a range that are not there.</summary>
    /// <param name="range">Empty when its last is below its first.</param>
    /// <param name="there">In any order, overlapping or not.</param>
    public static IEnumerable<Positions> Within(Positions range, IEnumerable<Positions> there)
    {
        var next = range.First;
        foreach (var (first, last) in there.OrderBy(p => p.First))
        {
            if (first > range.Last)
            {
                break;
            }

            if (first > next)
            {
                yield return new Positions(next, first - 1);
            }

            next = Math.Max(next, last + 1);
        }

        if (next <= range.Last)
        {
            yield return new Positions(next, range.Last);
        }
    }

    /// <summary>The first of these, up to a number of positions.</summary>
    /// <param name="gaps">Ascending.</param>
    /// <param name="countMax">How many positions.</param>
    public static IEnumerable<Positions> Take(IEnumerable<Positions> gaps, long countMax)
    {
        foreach (var gap in gaps)
        {
            if (countMax <= 0)
            {
                yield break;
            }

            yield return gap with { Last = Math.Min(gap.Last, gap.First + countMax - 1) };
            countMax -= gap.Count;
        }
    }
}
