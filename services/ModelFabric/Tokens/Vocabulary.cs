using System.IO.Compression;
using System.Numerics;
using System.Runtime.InteropServices;

namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>
/// Byte sequences and their ranks. Short ones, which are most, are found with one look into one table; the others are compared
/// with their bytes.
/// </summary>
public sealed class Vocabulary
{
    /// <summary>What is no token.</summary>
    public const int None = int.MaxValue;

    private const int ShortMax = 8;
    private readonly Short[] _short;
    private readonly int[] _long;
    private readonly byte[] _bytes;
    private readonly int[] _offsets;

    private Vocabulary(byte[] bytes, int[] offsets)
    {
        (_bytes, _offsets) = (bytes, offsets);
        var count = offsets.Length - 1;
        _short = new Short[BitOperations.RoundUpToPowerOf2((uint)count * 2)];
        _long = new int[BitOperations.RoundUpToPowerOf2((uint)count)];
        for (var rank = 0; rank < count; rank++)
        {
            Add(bytes.AsSpan(offsets[rank]..offsets[rank + 1]), rank);
        }
    }

    public int Count => _offsets.Length - 1;

    /// <summary>Reads a list of tokens in the order of their ranks, each with its length before it, compressed with Brotli.</summary>
    public static Vocabulary Load(string resource)
    {
        using var packed = typeof(Vocabulary).Assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException($"The resource {resource} is missing in this build.");
        using var plain = new BrotliStream(packed, CompressionMode.Decompress);
        using var all = new MemoryStream();
        plain.CopyTo(all);
        var list = all.GetBuffer().AsSpan(0, (int)all.Length);
        var (bytes, offsets) = (new List<byte>(list.Length), new List<int> { 0 });
        for (var at = 0; at < list.Length; at += 1 + list[at])
        {
            bytes.AddRange(list.Slice(at + 1, list[at]));
            offsets.Add(bytes.Count);
        }
        return new Vocabulary([.. bytes], [.. offsets]);
    }

    public ReadOnlySpan<byte> Bytes(int rank) => _bytes.AsSpan(_offsets[rank].._offsets[rank + 1]);

    /// <summary>The rank of these bytes, or <see cref="None"/>.</summary>
    public int Rank(ReadOnlySpan<byte> token)
    {
        if (token.Length <= ShortMax)
        {
            var key = Key(token);
            var mask = _short.Length - 1;
            for (var slot = (int)Spread(key, token.Length) & mask; ; slot = (slot + 1) & mask)
            {
                ref readonly var entry = ref _short[slot];
                if (entry.Length == 0)
                {
                    return None;
                }
                if (entry.Key == key && entry.Length == token.Length)
                {
                    return entry.Rank;
                }
            }
        }
        var wrap = _long.Length - 1;
        for (var slot = (int)Hash(token) & wrap; _long[slot] != 0; slot = (slot + 1) & wrap)
        {
            var rank = _long[slot] - 1;
            if (Bytes(rank).SequenceEqual(token))
            {
                return rank;
            }
        }
        return None;
    }

    private void Add(ReadOnlySpan<byte> token, int rank)
    {
        if (token.Length <= ShortMax)
        {
            var mask = _short.Length - 1;
            var slot = (int)Spread(Key(token), token.Length) & mask;
            while (_short[slot].Length != 0)
            {
                slot = (slot + 1) & mask;
            }
            _short[slot] = new Short(Key(token), rank, token.Length);
            return;
        }
        var wrap = _long.Length - 1;
        var free = (int)Hash(token) & wrap;
        while (_long[free] != 0)
        {
            free = (free + 1) & wrap;
        }
        _long[free] = rank + 1;
    }

    private static ulong Key(ReadOnlySpan<byte> token)
    {
        ulong key = 0;
        for (var i = token.Length - 1; i >= 0; i--)
        {
            key = (key << 8) | token[i];
        }
        return key;
    }

    private static uint Spread(ulong key, int length) => (uint)((key ^ ((ulong)length << 59)) * 0x9E3779B97F4A7C15 >> 32);

    private static uint Hash(ReadOnlySpan<byte> token)
    {
        ulong hash = (ulong)token.Length;
        for (; token.Length >= ShortMax; token = token[ShortMax..])
        {
            hash = BitOperations.RotateLeft((hash ^ MemoryMarshal.Read<ulong>(token)) * 0x9E3779B97F4A7C15, 29);
        }
        return (uint)((hash ^ Key(token)) * 0x9E3779B97F4A7C15 >> 32);
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Short(ulong Key, int Rank, int Length);
}
