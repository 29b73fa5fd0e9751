using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentPlatform.ModelFabric.Tests.Npm;
using AgentPlatform.ModelFabric.Tokens;

namespace AgentPlatform.ModelFabric.Tests.Tokens;

/// <summary>The same tokens as the reference implementation (npm <c>tiktoken</c>), text by text, and the promises a table cannot show.</summary>
public sealed class TokenizerTests
{
    private const int Seed = 20261121;

    [Fact]
    public async Task A_large_mixed_corpus_and_random_unicode_give_the_tokens_of_the_reference()
    {
        using var folder = await NpmFolder.Open();
        List<(TokenEncoding Encoding, string Text)> all = [.. TokenEncoding.All.SelectMany(encoding => Corpus.Texts(Seed).Select(text => (encoding, text)))];
        var file = Path.Combine(folder.Path, "texts.jsonl");
        var json = new JsonSerializerOptions { Encoder = JavaScriptEncoder.Default };
        await File.WriteAllLinesAsync(file, all.Select(one => JsonSerializer.Serialize<string[]>([one.Encoding.Name, one.Text], json)));
        var reference = await folder.Node("count.mjs", file);

        Assert.Equal(all.Count, reference.Count);
        Assert.True(all.Sum(one => (long)one.Text.Length) > 2_000_000, "the corpus is large");
        for (var i = 0; i < all.Count; i++)
        {
            var (encoding, text) = all[i];
            var bytes = Encoding.UTF8.GetBytes(text);
            var ours = string.Join(' ', encoding.Encode(bytes));
            Assert.True(ours == reference[i], $"{encoding.Name}, seed {Seed}, text {i}: {JsonSerializer.Serialize(text.Length < 300 ? text : text[..300], json)}\nours      {ours}\nreference {reference[i]}");
            Assert.Equal(reference[i].Length == 0 ? 0 : reference[i].Count(letter => letter == ' ') + 1, encoding.Count(bytes));
        }
    }

    [Theory]
    [InlineData("o200k_base", 199_998)]
    [InlineData("cl100k_base", 100_256)]
    public void The_vocabulary_is_whole_and_finds_every_token_of_its_own(string name, int count)
    {
        var vocabulary = TokenEncoding.All.Single(encoding => encoding.Name == name).Vocabulary;

        Assert.Equal(count, vocabulary.Count);
        for (var rank = 0; rank < count; rank++)
        {
            if (vocabulary.Rank(vocabulary.Bytes(rank)) != rank)
            {
                Assert.Fail($"token {rank} is found as {vocabulary.Rank(vocabulary.Bytes(rank))}");
            }
        }
    }

    [Fact]
    public void Tokens_put_together_are_the_text_whatever_its_bytes()
    {
        var random = new Random(Seed);
        var bytes = new byte[200];
        foreach (var encoding in TokenEncoding.All)
        {
            for (var i = 0; i < 500; i++)
            {
                random.NextBytes(bytes);
                Assert.Equal(bytes, encoding.Encode(bytes).SelectMany(token => encoding.Vocabulary.Bytes(token).ToArray()));
            }
        }
    }

    [Fact]
    public void A_long_row_of_letters_takes_no_square_of_its_time()
    {
        // With the square this would be ten thousand million steps and not end within the minute.
        var letters = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 200_000).Select(i => (char)('a' + (i * 7919 % 26)))));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var count = TokenEncoding.O200kBase.Count(letters);

        Assert.True(count > 10_000);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), $"took {clock.Elapsed}");
    }
}
