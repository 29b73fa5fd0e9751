using System.Security.Cryptography;
using System.Text;

namespace AgentPlatform.ModelFabric.Vault;

/// <summary>
/// Seals bytes with AES-256-GCM. What is sealed is bound to a context: a sealed provider key moved to another provider
/// or to another origin in the database does not open, so it cannot be made to travel somewhere new.
/// </summary>
public sealed class KeyVault
{
    private const string Version = "v1.";
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private readonly byte[]? _key;

    /// <param name="master">Without a master key the vault stays locked: everything that needs no key goes on working.</param>
    /// <param name="purpose">What the vault holds; part of the key derivation.</param>
    public KeyVault(MasterKey? master, string purpose) => _key = master?.For(purpose);

    public bool IsLocked => _key is null;

    public string Seal(ReadOnlySpan<byte> clear, string context)
    {
        using var aes = new AesGcm(Key(), TagLength);
        var sealedBytes = new byte[NonceLength + clear.Length + TagLength];
        var nonce = sealedBytes.AsSpan(0, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        aes.Encrypt(nonce, clear, sealedBytes.AsSpan(NonceLength, clear.Length), sealedBytes.AsSpan(NonceLength + clear.Length), Encoding.UTF8.GetBytes(context));
        return Version + Convert.ToBase64String(sealedBytes);
    }

    public byte[] Open(string sealedText, string context)
    {
        if (!sealedText.StartsWith(Version, StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"A sealed value starts with '{Version}'; this one was written by another version of the vault.");
        }
        var bytes = Convert.FromBase64String(sealedText[Version.Length..]);
        if (bytes.Length < NonceLength + TagLength)
        {
            throw new InvalidOperationException("A sealed value is cut short. Store the key again.");
        }
        using var aes = new AesGcm(Key(), TagLength);
        var clear = new byte[bytes.Length - NonceLength - TagLength];
        try
        {
            aes.Decrypt(bytes.AsSpan(0, NonceLength), bytes.AsSpan(NonceLength, clear.Length), bytes.AsSpan(bytes.Length - TagLength), clear, Encoding.UTF8.GetBytes(context));
        }
        catch (AuthenticationTagMismatchException mismatch)
        {
            throw new InvalidOperationException(
                "A sealed value does not open: it was changed, moved to another place, or sealed under another master key. Store the key again.", mismatch);
        }
        return clear;
    }

    private byte[] Key() => _key ?? throw new VaultLockedException();
}

/// <summary>A key is to be stored or used and there is no master key.</summary>
public sealed class VaultLockedException()
    : Exception($"The vault is locked: no master key. Set {MasterKey.FileVariable} to a file of 32 random bytes with mode 0600 and start the service again.");
