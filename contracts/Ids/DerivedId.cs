using System.Security.Cryptography;
using System.Text;

namespace AgentPlatform.Contracts;

/// <summary>Ids that follow from what they name (RFC 9562, version 8), so that a repeated decision names the same thing again.</summary>
public static class DerivedId
{
    /// <summary>The UUID for these words, always the same: SHA-256 over the words joined by a unit separator, cut to 128 bits.</summary>
    /// <param name="words">What the id stands for, for example the run, the task and the attempt.</param>
    public static Guid Of(params ReadOnlySpan<string> words)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\u001f', words)), hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
