using System.Security.Cryptography;
using System.Text;

namespace AgentPlatform.ServiceDefaults.Vault;

/// <summary>
/// Seals bytes with AES-256-GCM. What is sealed is bound to a context: moved to another row, name or origin in the database
/// it does not open, so it cannot be made to serve something new.
/// </summary>
public sealed class KeyVault
{
    private const string Version = "v1.";
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private readonly byte[]? _key;

    /// <summary>Derives the vault's own key.</summary>
    /// <param name="master">Without a master key the vault stays locked: everything that needs no key goes on working.</param>
    /// <param name="purpose">What the vault holds; part of the key derivation.</param>
    public KeyVault(MasterKey? master, string purpose) => _key = master?.For(purpose);

    /// <summary>Whether there is no key to seal or open with.</summary>
    public bool IsLocked => _key is null;

    /// <summary>Seals into text, for a column or a file.</summary>
    /// <param name="clear">What to keep.</param>
    /// <param name="context">What it belongs to; needed again to open.</param>
    public string Seal(ReadOnlySpan<byte> clear, string context) => Version + Convert.ToBase64String(SealBytes(clear, context));

    /// <summary>Opens what <see cref="Seal"/> made.</summary>
    /// <param name="sealedText">The sealed text.</param>
    /// <param name="context">What it belongs to.</param>
    /// <exception cref="InvalidOperationException">It does not open.</exception>
    public byte[] Open(string sealedText, string context)
    {
        ArgumentNullException.ThrowIfNull(sealedText);
        return sealedText.StartsWith(Version, StringComparison.Ordinal)
            ? OpenBytes(Convert.FromBase64String(sealedText[Version.Length..]), context)
            : throw new InvalidOperationException($"A sealed value starts with '{Version}'; this one was written by another version of the vault.");
    }

    /// <summary>Seals into bytes: nonce, ciphertext, tag.</summary>
    /// <param name="clear">What to keep.</param>
    /// <param name="context">What it belongs to; needed again to open.</param>
    public byte[] SealBytes(ReadOnlySpan<byte> clear, string context)
    {
        using var aes = new AesGcm(Key(), TagLength);
        var sealedBytes = new byte[NonceLength + clear.Length + TagLength];
        var nonce = sealedBytes.AsSpan(0, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        aes.Encrypt(nonce, clear, sealedBytes.AsSpan(NonceLength, clear.Length), sealedBytes.AsSpan(NonceLength + clear.Length), Encoding.UTF8.GetBytes(context));
        return sealedBytes;
    }

    /// <summary>Opens what <see cref="SealBytes"/> made.</summary>
    /// <param name="sealedBytes">The sealed bytes.</param>
    /// <param name="context">What it belongs to.</param>
    /// <exception cref="InvalidOperationException">It does not open.</exception>
    public byte[] OpenBytes(ReadOnlySpan<byte> sealedBytes, string context)
    {
        if (sealedBytes.Length < NonceLength + TagLength)
        {
            throw new InvalidOperationException("A sealed value is cut short. Store it again.");
        }
        using var aes = new AesGcm(Key(), TagLength);
        var clear = new byte[sealedBytes.Length - NonceLength - TagLength];
        try
        {
            aes.Decrypt(sealedBytes[..NonceLength], sealedBytes.Slice(NonceLength, clear.Length), sealedBytes[^TagLength..], clear, Encoding.UTF8.GetBytes(context));
        }
        catch (AuthenticationTagMismatchException mismatch)
        {
            throw new InvalidOperationException(
                "A sealed value does not open: it was changed, moved to another place, or sealed under another master key. Store it again.", mismatch);
        }
        return clear;
    }

    private byte[] Key() => _key ?? throw new VaultLockedException();
}

/// <summary>Something is to be sealed or opened and there is no master key.</summary>
public sealed class VaultLockedException()
    : Exception($"The vault is locked: no master key. Set {MasterKey.FileVariable} to a file of 32 random bytes with mode 0600 and start the service again.");
