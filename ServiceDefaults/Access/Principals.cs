using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.ServiceDefaults;

/// <summary>One line of the principals file: a token is known only by its hash.</summary>
/// <param name="Name">Who it is.</param>
/// <param name="Role">owner, operator, approver, viewer, agent or service.</param>
/// <param name="TokenSha256">Lower-case hex of the SHA-256 of the token.</param>
public sealed record Principal(string Name, string Role, string TokenSha256);

/// <summary>The principals file (<c>AGENTPLATFORM_PRINCIPALS</c>), read again when it changes.</summary>
internal sealed class Principals(string path)
{
    private readonly Lock _gate = new();
    private FrozenDictionary<string, Principal> _byHash = FrozenDictionary<string, Principal>.Empty;
    private DateTime _readAt = DateTime.MinValue;

    public Principal? Find(string token)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        return Current().GetValueOrDefault(hash);
    }

    private FrozenDictionary<string, Principal> Current()
    {
        lock (_gate)
        {
            var changedAt = File.GetLastWriteTimeUtc(path);
            if (changedAt != _readAt)
            {
                var all = JsonSerializer.Deserialize<Principal[]>(File.ReadAllBytes(path), ContractJson.Options) ?? [];
                _byHash = all.ToFrozenDictionary(p => p.TokenSha256.ToLowerInvariant(), StringComparer.Ordinal);
                _readAt = changedAt;
            }

            return _byHash;
        }
    }
}
