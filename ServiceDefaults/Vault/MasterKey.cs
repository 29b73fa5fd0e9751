using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace AgentPlatform.ServiceDefaults.Vault;

/// <summary>
/// The key-encryption key: 32 bytes in a file outside the database. Each purpose gets its own key derived from it,
/// so that what was sealed for one purpose cannot be opened, or passed off, as another.
/// </summary>
public sealed class MasterKey
{
    /// <summary>The setting that names the file.</summary>
    public const string FileVariable = "AGENTPLATFORM_MASTER_KEY_FILE";

    /// <summary>The credential of systemd that holds the key where no file is named: <c>LoadCredentialEncrypted=</c> keeps it sealed by the machine's TPM or by the host's key.</summary>
    public const string Credential = "agentplatform-master-key";

    private const int Length = 32;
    private readonly byte[] _key;

    /// <summary>Takes a key that is already in memory.</summary>
    /// <param name="key">32 bytes.</param>
    public MasterKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != Length)
        {
            throw new ArgumentException($"A master key has {Length} bytes; this one has {key.Length}.", nameof(key));
        }
        _key = key.ToArray();
    }

    /// <summary>Reads the key file; refuses one that others on the machine can read.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidOperationException">The file is missing, open to others, or no key.</exception>
    public static MasterKey FromFile(string path)
    {
        if (!File.Exists(path))
        {
            throw new InvalidOperationException(
                $"The master key file {path} named by {FileVariable} does not exist. Make one: head -c {Length} /dev/urandom > {path} && chmod 600 {path}");
        }
        return Read(path, UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite);
    }

    private static MasterKey Read(string path, UnixFileMode others)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & others) != UnixFileMode.None)
        {
            throw new InvalidOperationException($"The master key file {path} can be read or written by other users. Close it: chmod 600 {path}");
        }
        var key = File.ReadAllBytes(path);
        return key.Length == Length
            ? new MasterKey(key)
            : throw new InvalidOperationException(
                $"The master key file {path} has {key.Length} bytes instead of {Length}. Restore it from its backup: what was sealed under it cannot be opened with another key.");
    }

    /// <summary>The key that <see cref="FileVariable"/> names, else the one that systemd has unsealed for this service; null when there is neither.</summary>
    /// <param name="configuration">The service's configuration.</param>
    public static MasterKey? From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration[FileVariable] is { Length: > 0 } file)
        {
            return FromFile(file);
        }
        // systemd lets the service's user read it through an access list, which shows as the group's right; nobody else can enter the folder.
        return configuration["CREDENTIALS_DIRECTORY"] is { Length: > 0 } folder && Path.Combine(folder, Credential) is var credential && File.Exists(credential)
            ? Read(credential, UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)
            : null;
    }

    /// <summary>The key for one purpose.</summary>
    /// <param name="purpose">For example <c>modelfabric/provider-keys/1</c>.</param>
    public byte[] For(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, Length, salt: null, info: Encoding.UTF8.GetBytes("agentplatform/" + purpose));

    /// <summary>Never the key.</summary>
    public override string ToString() => "[master key]";
}
