using AgentPlatform.Contracts;

namespace AgentPlatform.Audit.Parity;

/// <summary>Arithmetic on ascending ranges of sequences that do not touch each other.</summary>
public static class Ranges
{
    /// <summary>What is in the first and not in the second.</summary>
    public static List<SequenceRange> Without(IReadOnlyList<SequenceRange> stored, IReadOnlyList<SequenceRange> recorded)
    {
        var missing = new List<SequenceRange>();
        var at = 0;
        foreach (var range in stored)
        {
            var from = range.From;
            while (at < recorded.Count && recorded[at].To < from)
            {
                at++;
            }
            for (var next = at; next < recorded.Count && recorded[next].From <= range.To; next++)
            {
                if (recorded[next].From > from)
                {
                    missing.Add(new SequenceRange(from, recorded[next].From - 1));
                }
                from = recorded[next].To + 1;
            }
            if (from <= range.To)
            {
                missing.Add(new SequenceRange(from, range.To));
            }
        }
        return missing;
    }

    public static long Count(IEnumerable<SequenceRange> ranges) => ranges.Sum(range => range.To - range.From + 1);
}
