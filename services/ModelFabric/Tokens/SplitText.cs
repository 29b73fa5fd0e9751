namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>
/// Cuts text into the pieces that are encoded one by one, as the published patterns of the encodings do, alternative by
/// alternative. Written out because .NET's regular expressions work on UTF-16 and take many times as long.
/// </summary>
internal static class SplitText
{
    /// <summary>The end of the piece that begins here, by the pattern of <c>o200k_base</c>.</summary>
    public static int O200k(ReadOnlySpan<byte> text, int at)
    {
        var first = Letters.At(text, at, out var length);
        if ((first & (Letter.AnyLetter | Letter.Mark)) != Letter.Other || ((first & (Letter.Digit | Letter.Line)) == Letter.Other && at + length < text.Length))
        {
            // [^\r\n\p{L}\p{N}]? is greedy: with the sign before the word if there is one, else without.
            var prefix = (first & (Letter.AnyLetter | Letter.Digit | Letter.Line)) == Letter.Other ? at + length : -1;
            var end = prefix >= 0 ? LowerWord(text, prefix) : -1;
            end = end >= 0 ? end : LowerWord(text, at);
            end = end >= 0 || prefix < 0 ? end : UpperWord(text, prefix);
            end = end >= 0 ? end : UpperWord(text, at);
            if (end >= 0)
            {
                return end + Contraction(text, end);
            }
        }
        return Rest(text, at, first, length, slashes: true);
    }

    /// <summary>The end of the piece that begins here, by the pattern of <c>cl100k_base</c>.</summary>
    public static int Cl100k(ReadOnlySpan<byte> text, int at)
    {
        if (Contraction(text, at) is var contraction and > 0)
        {
            return at + contraction;
        }
        var first = Letters.At(text, at, out var length);
        var word = (first & (Letter.AnyLetter | Letter.Digit | Letter.Line)) == Letter.Other ? at + length : at;
        var end = Run(text, word, Letter.AnyLetter);
        return end > word ? end : Rest(text, at, first, length, slashes: false);
    }

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+</c>, or -1.</summary>
    private static int LowerWord(ReadOnlySpan<byte> text, int at)
    {
        var (here, lastEither) = (at, -1);
        while (here < text.Length && Letters.At(text, here, out var length) is var letter && (letter & Letter.UpperLike) != Letter.Other)
        {
            here += length;
            lastEither = (letter & Letter.LowerLike) != Letter.Other ? here : lastEither;
        }
        // Nothing lower follows: then the last that counts as either ends the word, and what is upper after it stays out.
        var end = Run(text, here, Letter.LowerLike);
        return end > here ? end : lastEither;
    }

    /// <summary><c>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*</c>, or -1.</summary>
    private static int UpperWord(ReadOnlySpan<byte> text, int at)
    {
        var upper = Run(text, at, Letter.UpperLike);
        return upper > at ? Run(text, upper, Letter.LowerLike) : -1;
    }

    private static int Rest(ReadOnlySpan<byte> text, int at, Letter first, int length, bool slashes)
    {
        if ((first & Letter.Digit) != Letter.Other)
        {
            var end = at + length;
            for (var digits = 1; digits < 3 && end < text.Length && (Letters.At(text, end, out var more) & Letter.Digit) != Letter.Other; digits++)
            {
                end += more;
            }
            return end;
        }
        var signs = text[at] == ' ' ? at + 1 : at;
        var after = Signs(text, signs);
        if (after > signs)
        {
            while (after < text.Length && (text[after] is (byte)'\r' or (byte)'\n' || (slashes && text[after] == '/')))
            {
                after++;
            }
            return after;
        }
        return Spaces(text, at);
    }

    /// <summary>A run of spaces goes up to its last line break; without one, the last space is left to the word that follows.</summary>
    private static int Spaces(ReadOnlySpan<byte> text, int at)
    {
        var (here, last, line) = (at, at, -1);
        while (here < text.Length && Letters.At(text, here, out var length) is var letter && (letter & Letter.Space) != Letter.Other)
        {
            last = here;
            here += length;
            line = (letter & Letter.Line) != Letter.Other ? here : line;
        }
        return line >= 0 ? line : here == text.Length || last == at ? here : last;
    }

    private static int Run(ReadOnlySpan<byte> text, int at, Letter wanted)
    {
        while (at < text.Length && (Letters.At(text, at, out var length) & wanted) != Letter.Other)
        {
            at += length;
        }
        return at;
    }

    private static int Signs(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && (Letters.At(text, at, out var length) & (Letter.AnyLetter | Letter.Digit | Letter.Space)) == Letter.Other)
        {
            at += length;
        }
        return at;
    }

    /// <summary><c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c>; the long s is an s to whoever ignores case.</summary>
    private static int Contraction(ReadOnlySpan<byte> text, int at)
    {
        if (at + 1 >= text.Length || text[at] != '\'')
        {
            return 0;
        }
        var second = at + 2 < text.Length ? text[at + 2] | 0x20 : 0;
        return (text[at + 1] | 0x20) switch
        {
            's' or 't' or 'm' or 'd' when text[at + 1] < 128 => 2,
            'r' or 'v' when second == 'e' => 3,
            'l' when second == 'l' => 3,
            _ => text[(at + 1)..].StartsWith("ſ"u8) ? 3 : 0,
        };
    }
}
