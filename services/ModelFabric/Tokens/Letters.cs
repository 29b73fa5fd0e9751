using System.Globalization;
using System.Text;

namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>What the patterns of the encodings tell apart.</summary>
[Flags]
internal enum Letter : byte
{
    /// <summary>Signs, punctuation, control characters and what is not assigned.</summary>
    Other = 0,

    /// <summary>Lu, Lt.</summary>
    Upper = 1,

    /// <summary>Ll.</summary>
    Lower = 2,

    /// <summary>Lm, Lo: counts as either case.</summary>
    Caseless = 4,

    /// <summary>M: counts as either case where case matters, and is no letter.</summary>
    Mark = 8,
    Digit = 16,
    Space = 32,

    /// <summary>CR and LF; they are spaces too.</summary>
    Line = 64,

    AnyLetter = Upper | Lower | Caseless,
    UpperLike = Upper | Caseless | Mark,
    LowerLike = Lower | Caseless | Mark,
}

/// <summary>Characters of UTF-8 text by class.</summary>
internal static class Letters
{
    private static readonly Letter[] Ascii = [.. Enumerable.Range(0, 128).Select(value => Class(new Rune(value)))];

    /// <summary>The class of the character at a place, and its length; bytes that are no UTF-8 count one by one as <see cref="Letter.Other"/>.</summary>
    public static Letter At(ReadOnlySpan<byte> text, int at, out int length)
    {
        var first = text[at];
        if (first < 128)
        {
            length = 1;
            return Ascii[first];
        }
        Rune.DecodeFromUtf8(text[at..], out var rune, out length);
        return Class(rune);
    }

    private static Letter Class(Rune rune)
    {
        if (rune.Value is '\r' or '\n')
        {
            return Letter.Line | Letter.Space;
        }
        if (Rune.IsWhiteSpace(rune))
        {
            return Letter.Space;
        }
        return CharUnicodeInfo.GetUnicodeCategory(rune.Value) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Letter.Upper,
            UnicodeCategory.LowercaseLetter => Letter.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter.Caseless,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Letter.Mark,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Letter.Digit,
            _ => Letter.Other,
        };
    }
}
