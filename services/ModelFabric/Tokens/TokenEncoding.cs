namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>
/// Counts tokens as OpenAI's own encodings do. The names of special tokens, such as <c>&lt;|endoftext|&gt;</c>, are ordinary text
/// here: a caller's text is never an instruction to the counter.
/// </summary>
public sealed class TokenEncoding
{
    private readonly Lazy<Vocabulary> _vocabulary;
    private readonly Cut _cut;

    private TokenEncoding(string name, Cut cut)
    {
        (Name, _cut) = (name, cut);
        // Three megabytes that a gateway that never counts has no use for.
        _vocabulary = new Lazy<Vocabulary>(() => Vocabulary.Load($"{typeof(TokenEncoding).Namespace}.{name}.tokens.br"));
    }

    private delegate int Cut(ReadOnlySpan<byte> text, int at);

    public static TokenEncoding O200kBase { get; } = new("o200k_base", SplitText.O200k);
    public static TokenEncoding Cl100kBase { get; } = new("cl100k_base", SplitText.Cl100k);
    public static IReadOnlyList<TokenEncoding> All { get; } = [O200kBase, Cl100kBase];

    public string Name { get; }
    public Vocabulary Vocabulary => _vocabulary.Value;

    /// <summary>How many tokens this text, in UTF-8, has.</summary>
    public int Count(ReadOnlySpan<byte> text) => Run(text, tokens: null);

    public IReadOnlyList<int> Encode(ReadOnlySpan<byte> text)
    {
        var tokens = new List<int>();
        Run(text, tokens);
        return tokens;
    }

    private int Run(ReadOnlySpan<byte> text, List<int>? tokens)
    {
        var (vocabulary, count) = (Vocabulary, 0);
        for (var at = 0; at < text.Length;)
        {
            var end = _cut(text, at);
            var piece = text[at..end];
            var whole = vocabulary.Rank(piece);
            if (whole != Vocabulary.None)
            {
                tokens?.Add(whole);
                count++;
            }
            else
            {
                count += MergeBytes.Merge(vocabulary, piece, tokens);
            }
            at = end;
        }
        return count;
    }
}
