using System.Buffers;

namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>
/// Byte pair encoding of one piece: the pair with the lowest rank becomes one, again and again. Short pieces are searched from end
/// to end; long ones keep their pairs in a queue, or a hundred thousand letters without a blank would take the square of their time.
/// </summary>
internal static class MergeBytes
{
    private const int ScannedMax = 96;

    /// <summary>Appends the piece's tokens when a list is given, and tells how many there are.</summary>
    public static int Merge(Vocabulary vocabulary, ReadOnlySpan<byte> piece, List<int>? tokens) =>
        piece.Length <= ScannedMax ? Scan(vocabulary, piece, tokens) : Queue(vocabulary, piece, tokens);

    private static int Scan(Vocabulary vocabulary, ReadOnlySpan<byte> piece, List<int>? tokens)
    {
        // A part begins at starts[i]; ranks[i] is that of the part joined with the next.
        Span<int> starts = stackalloc int[ScannedMax + 2];
        Span<int> ranks = stackalloc int[ScannedMax + 2];
        var parts = piece.Length;
        for (var i = 0; i <= parts; i++)
        {
            starts[i] = i;
            ranks[i] = i < parts - 1 ? vocabulary.Rank(piece.Slice(i, 2)) : Vocabulary.None;
        }
        while (true)
        {
            var (best, lowest) = (-1, Vocabulary.None);
            for (var i = 0; i < parts - 1; i++)
            {
                if (ranks[i] < lowest)
                {
                    (best, lowest) = (i, ranks[i]);
                }
            }
            if (best < 0)
            {
                break;
            }
            starts[(best + 2)..(parts + 1)].CopyTo(starts[(best + 1)..]);
            ranks[(best + 2)..(parts + 1)].CopyTo(ranks[(best + 1)..]);
            parts--;
            ranks[best] = Joined(vocabulary, piece, starts, best, parts);
            if (best > 0)
            {
                ranks[best - 1] = Joined(vocabulary, piece, starts, best - 1, parts);
            }
        }
        for (var i = 0; tokens is not null && i < parts; i++)
        {
            tokens.Add(vocabulary.Rank(piece[starts[i]..starts[i + 1]]));
        }
        return parts;
    }

    private static int Joined(Vocabulary vocabulary, ReadOnlySpan<byte> piece, Span<int> starts, int part, int parts) =>
        part + 2 <= parts ? vocabulary.Rank(piece[starts[part]..starts[part + 2]]) : Vocabulary.None;

    private static int Queue(Vocabulary vocabulary, ReadOnlySpan<byte> piece, List<int>? tokens)
    {
        var (next, previous) = (ArrayPool<int>.Shared.Rent(piece.Length + 1), ArrayPool<int>.Shared.Rent(piece.Length + 1));
        try
        {
            // By rank, and of equal ranks the first: the same choice as searching from the left.
            var pairs = new PriorityQueue<(int At, int Middle, int End), (int Rank, int At)>();
            for (var i = 0; i <= piece.Length; i++)
            {
                (next[i], previous[i]) = (i + 1, i - 1);
            }
            for (var i = 0; i + 2 <= piece.Length; i++)
            {
                Offer(vocabulary, piece, pairs, i, i + 1, i + 2);
            }
            var parts = piece.Length;
            while (pairs.TryDequeue(out var pair, out _))
            {
                // A pair whose halves have changed since it was offered is no longer there.
                if (next[pair.At] != pair.Middle || next[pair.Middle] != pair.End)
                {
                    continue;
                }
                next[pair.At] = pair.End;
                next[pair.Middle] = -1;
                previous[pair.End] = pair.At;
                parts--;
                if (pair.End < piece.Length)
                {
                    Offer(vocabulary, piece, pairs, pair.At, pair.End, next[pair.End]);
                }
                if (pair.At > 0)
                {
                    Offer(vocabulary, piece, pairs, previous[pair.At], pair.At, pair.End);
                }
            }
            for (var at = 0; tokens is not null && at < piece.Length; at = next[at])
            {
                tokens.Add(vocabulary.Rank(piece[at..next[at]]));
            }
            return parts;
        }
        finally
        {
            ArrayPool<int>.Shared.Return(next);
            ArrayPool<int>.Shared.Return(previous);
        }
    }

    private static void Offer(Vocabulary vocabulary, ReadOnlySpan<byte> piece, PriorityQueue<(int At, int Middle, int End), (int Rank, int At)> pairs, int at, int middle, int end)
    {
        var rank = vocabulary.Rank(piece[at..end]);
        if (rank != Vocabulary.None)
        {
            pairs.Enqueue((at, middle, end), (rank, at));
        }
    }
}
