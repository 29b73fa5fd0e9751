using System.Security.Cryptography;
using System.Text;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Vault;
using AgentPlatform.ServiceDefaults.Vault;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>Seals provider keys on the way in and opens them at the last hop, nowhere between.</summary>
public sealed class ProviderKeys(MasterKeySource master)
{
    private readonly KeyVault _vault = new(master.Key, "modelfabric/provider-keys/1");

    public bool IsLocked => _vault.IsLocked;

    public string Seal(Secret key, string context) => _vault.Seal(Encoding.UTF8.GetBytes(key.Reveal()), context);

    /// <summary>Null for a provider without a key, as local ones usually are.</summary>
    public Secret? Open(ProviderEntry provider, string principal)
    {
        try
        {
            if (provider.PrincipalKeys.TryGetValue(principal, out var own))
            {
                return Unseal(own.Sealed, provider.PrincipalKeyContext(principal));
            }
            return (provider.KeyFile, provider.SealedKey) switch
            {
                ({ } file, _) => ReadFile(provider.Name, file),
                (null, { } sealedKey) => Unseal(sealedKey, provider.KeyContext),
                _ => null,
            };
        }
        catch (Exception unreadable) when (unreadable is VaultLockedException or InvalidOperationException or FormatException or IOException)
        {
            throw ModelCallException.Upstream("provider_key_unavailable", $"The key of provider '{provider.Name}' cannot be used: {unreadable.Message}",
                StatusCodes.Status503ServiceUnavailable, unreadable);
        }
    }

    /// <summary>The bytes are cleared at once; the text that the last hop needs lives until the collector has come by, and is never stored.</summary>
    private Secret Unseal(string sealedKey, string context)
    {
        var clear = _vault.Open(sealedKey, context);
        try
        {
            return new Secret(Encoding.UTF8.GetString(clear));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clear);
        }
    }

    internal static Secret ReadFile(string provider, string file)
    {
        var text = File.ReadAllText(file).Trim();
        return ProviderEntry.KeyPattern().IsMatch(text)
            ? new Secret(text)
            : throw new InvalidOperationException($"The key file of provider '{provider}' must hold one line of visible ASCII characters.");
    }
}

/// <summary>The master key if the service was given one.</summary>
public sealed record MasterKeySource(MasterKey? Key)
{
    public static MasterKeySource From(IConfiguration configuration) => new(MasterKey.From(configuration));
}
