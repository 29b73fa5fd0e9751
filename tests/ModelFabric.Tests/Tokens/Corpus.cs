using System.Runtime.CompilerServices;
using System.Text;

namespace AgentPlatform.ModelFabric.Tests.Tokens;

/// <summary>Texts to count: this repository's own prose and code, many scripts, awkward rows of signs, and random Unicode by seed.</summary>
internal static class Corpus
{
    private static readonly string[] Scripts =
    [
        "The quick brown fox doesn't jump; it'll've WALKED over 12345 lazy dogs' tails (iPhone15Pro, HTTPServer2, XMLHttpRequest).",
        "Größe, Übermaß, naïve façade — ‘quotes’ “double” … €100 £20.50 ½ ² ³", "Съешь же ещё этих мягких французских булок, да выпей чаю.", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
        "いろはにほへと ちりぬるを。カタカナ、漢字１２３。", "我能吞下玻璃而不伤身体。繁體中文也可以。", "키스의 고유조건은 입술끼리 만나야 하고", "نص حكيم له سر قاطع وذو شأن عظيم ١٢٣", "עטלף אבק נס דרך מזגן שהתפוצץ כי חם",
        "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश १२३", "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า", "Ħ ŋ ǅ ǈ ǋ ᾳ ᾼ ʰ ʲ ª º ⅷ Ⅷ ⒈ ㊀", "👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇭 👍🏽 e\u0301 a\u0308\u0323 Z͑ͫa̴l̷g̸o",
        "don't DON'T we'RE I'Ve 'tis 'S 'ſ x'ſy they'LLgo 'l 'v 're' ''s", "a\tb\n\n\r\n  c   \n   d     e \r\r f\u00a0g\u2003h\u3000i\u0085j\u2028k", "{\"a\":[1,22,333,4444],\"b\":null}//\n\n/* x */ #!/bin/sh && || == === != >>> ->=> ::",
        "https://example.com/a/b?c=d&e=%20#f", "<|endoftext|> <|im_start|>user", "\0\u0001\u001f\u007f\ufeff\ufffd\u200b\u200d", "______------======//////\r\n/\n/", "   ", "\n", " ", "", "'", " '", "a", "１２３４", "1234567", "₁₂₃",
    ];

    public static IEnumerable<string> Texts(int seed)
    {
        var random = new Random(seed);
        foreach (var script in Scripts)
        {
            yield return script;
        }
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root(), "services"), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            yield return File.ReadAllText(file);
        }
        yield return File.ReadAllText(Path.Combine(Root(), "README.md"));
        for (var i = 0; i < 400; i++)
        {
            yield return Mixed(random, random.Next(1, 40));
        }
        for (var i = 0; i < 4000; i++)
        {
            yield return Fuzzed(random, random.Next(1, 60));
        }
        for (var i = 0; i < 200; i++)
        {
            yield return new string((char)('a' + random.Next(26)), random.Next(1, 400)) + string.Concat(Enumerable.Range(0, random.Next(300)).Select(_ => (char)('A' + random.Next(58))));
        }
    }

    private static string Mixed(Random random, int pieces)
    {
        var text = new StringBuilder();
        for (var i = 0; i < pieces; i++)
        {
            var script = Scripts[random.Next(Scripts.Length)];
            if (script.Length > 0)
            {
                var from = random.Next(script.Length);
                text.Append(script, from, random.Next(script.Length - from) + 1);
            }
        }
        return Valid(text.ToString());
    }

    /// <summary>Mostly what a pattern decides about, sometimes anything that Unicode has assigned for some years.</summary>
    private static string Fuzzed(Random random, int runes)
    {
        const string telling = "aZéßǅʰªあ中\u0301\u0903\u20dd1२Ⅷ½ \t\n\r\u00a0\u2003\u0085'sStTrReEvVlLmMdDſ/!_-.€😀\u200d\0";
        var text = new StringBuilder();
        for (var i = 0; i < runes; i++)
        {
            if (random.Next(4) > 0)
            {
                var at = random.Next(telling.Length);
                text.Append(telling, char.IsLowSurrogate(telling[at]) ? at - 1 : at, char.IsSurrogate(telling[at]) ? 2 : 1);
                continue;
            }
            var value = random.Next(3) switch { 0 => random.Next(0x3000), 1 => random.Next(0x10000), _ => random.Next(0x20000) };
            if (Rune.IsValid(value))
            {
                text.Append(new Rune(value).ToString());
            }
        }
        return Valid(text.ToString());
    }

    private static string Valid(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
