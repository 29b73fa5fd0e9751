using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.ToolGateway.Secrets;
using ModelContextProtocol.Authentication;

namespace AgentPlatform.ToolGateway.Mcp.Authorization;

/// <summary>
/// The tokens of one server and the client registration they belong to: sealed in the vault, good at the address they were got for and nowhere else, known to every replica, gone
/// with the server. No event says more than that somebody signed in.
/// </summary>
/// <param name="server">The server's name.</param>
/// <param name="url">Its address.</param>
/// <param name="secrets">The vault.</param>
/// <param name="masked">What must not come out; the tokens come to it.</param>
/// <param name="time">The clock.</param>
internal sealed class McpTokens(string server, string url, SecretBook secrets, ConcurrentDictionary<string, string> masked, TimeProvider time) : ITokenCache
{
    // Asked with every request. Another replica may have got newer ones: then the old ones are refused, and asked for again.
    private static readonly TimeSpan KnownFor = TimeSpan.FromSeconds(2);

    private TokenContainer? _known;
    private DateTimeOffset _knownUntil;

    public async ValueTask StoreTokensAsync(TokenContainer tokens, CancellationToken cancellationToken)
    {
        Known(tokens);
        await secrets.Keep(SecretBook.OAuth(server), JsonSerializer.Serialize(tokens, JsonSerializerOptions.Web), url, cancellationToken);
    }

    public async ValueTask<TokenContainer?> GetTokensAsync(CancellationToken cancellationToken)
    {
        if (time.GetUtcNow() < _knownUntil)
        {
            return _known;
        }

        try
        {
            // Where nothing can be sealed, they live with the process.
            var kept = await secrets.Kept(SecretBook.OAuth(server), url, cancellationToken);
            Known(kept is null ? secrets.IsLocked ? _known : null : JsonSerializer.Deserialize<TokenContainer>(kept, JsonSerializerOptions.Web));
        }
        catch (CryptographicException)
        {
            // Got for another address, or sealed with another key: somebody has to sign in again.
            Known(null);
        }

        return _known;
    }

    private void Known(TokenContainer? tokens)
    {
        (_known, _knownUntil) = (tokens, time.GetUtcNow() + KnownFor);
        foreach (var (name, value) in new[] { ("oauth-access-token", tokens?.AccessToken), ("oauth-refresh-token", tokens?.RefreshToken), ("oauth-client-secret", tokens?.ClientSecret) })
        {
            if (value is { Length: > 0 })
            {
                masked[name] = value;
            }
        }
    }
}
