using System.Runtime.CompilerServices;
using System.Text;
using AgentPlatform.ModelFabric.Tokens;

namespace AgentPlatform.Benchmarks.Tokens;

/// <summary>Counting ten thousand tokens of prose and of code; the baseline is looking at every character once.</summary>
internal static class TokenCounting
{
    private const int Wanted = 10_000;

    public static async Task Run(BenchmarkRun run)
    {
        foreach (var (name, pattern) in new[] { ("prose", "*.md"), ("code", "*.cs") })
        {
            var all = Encoding.UTF8.GetBytes(string.Concat(Directory.EnumerateFiles(Root(), pattern, SearchOption.AllDirectories)
                .Where(file => !file.Contains("/artifacts/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Take(200).Select(File.ReadAllText)));
            foreach (var encoding in TokenEncoding.All)
            {
                var text = Cut(encoding, all);
                var (baseline, ours) = (new Sample(), new Sample());
                await ours.Add(1, run.Duration / 8, units: Wanted, (_, _) => Count(encoding, text));
                ours = new Sample();
                for (var round = 0; round < run.Rounds; round++)
                {
                    await baseline.Add(1, run.Duration / 4, units: Wanted, (_, _) => Look(text));
                    await ours.Add(1, run.Duration / 4, units: Wanted, (_, _) => Count(encoding, text));
                }
                run.Latencies($"every character looked at, {name}, {text.Length:N0} bytes", baseline);
                run.Latencies($"{Wanted:N0} tokens counted, {encoding.Name}, {name}", ours);
            }
        }
    }

    private static byte[] Cut(TokenEncoding encoding, byte[] all)
    {
        while (all.Length < Wanted * 8)
        {
            all = [.. all, .. all];
        }
        var bytes = 0;
        foreach (var token in encoding.Encode(all.AsSpan(0, Wanted * 8)).Take(Wanted))
        {
            bytes += encoding.Vocabulary.Bytes(token).Length;
        }
        return all[..bytes];
    }

    private static Task Count(TokenEncoding encoding, byte[] text)
    {
        // A cut in the middle of a character may make one token more of it.
        var count = encoding.Count(text);
        return Math.Abs(count - Wanted) <= 3 ? Task.CompletedTask : throw new InvalidOperationException($"{count} tokens instead of {Wanted}");
    }

    private static Task Look(byte[] text)
    {
        var letters = 0;
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf8(text.AsSpan(at), out var rune, out var length);
            letters += Rune.IsLetter(rune) ? 1 : 0;
            at += length;
        }
        return letters > 0 ? Task.CompletedTask : throw new InvalidOperationException("no letters");
    }

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
