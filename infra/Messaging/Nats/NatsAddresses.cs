namespace AgentPlatform.Messaging;

/// <summary>The servers of one NATS, as they are configured: addresses separated by commas.</summary>
internal static class NatsAddresses
{
    // More than the largest cluster anybody runs for one platform; a longer list is a mistake.
    private const int CountMax = 16;
    private const string Remedy = "set ConnectionStrings__nats, for example nats://127.0.0.1:7122, or nats://a:4222,nats://b:4222,nats://c:4222 for a cluster";

    /// <summary>The addresses, each with its port.</summary>
    /// <exception cref="InvalidOperationException">Names what is wrong with which one; never shows a token.</exception>
    public static IReadOnlyList<string> Parse(string list)
    {
        var all = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Address).ToList();
        if (all.Count is 0 or > CountMax)
        {
            throw new InvalidOperationException($"Messaging:Url names {all.Count} NATS servers, and 1 to {CountMax} are possible: {Remedy}");
        }

        return all.GroupBy(a => a, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new InvalidOperationException($"Messaging:Url names {twice.Key} twice: each server of a cluster has an address of its own")
            : all;
    }

    /// <summary>The one that is tried when an address is given up.</summary>
    public static string After(IReadOnlyList<string> all, string given) => all[(all.Index().First(a => a.Item == given).Index + 1) % all.Count];

    private static string Address(string text, int place)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("nats" or "tls") || uri.Host.Length == 0)
        {
            // Not shown: what cannot be read may hold a token.
            throw new InvalidOperationException($"Messaging:Url: address {place + 1} of the list is not one of a NATS server: {Remedy}");
        }

        if (uri.UserInfo.Length > 0)
        {
            throw new InvalidOperationException($"Messaging:Url: the address of {uri.Host} holds a user or a token, which would be shown in logs: put the token into a file and name it with AGENTPLATFORM_NATS_TOKEN_FILE");
        }

        return uri.PathAndQuery is "/" or ""
            ? $"{uri.Scheme}://{uri.Host}:{(uri.Port > 0 ? uri.Port : 4222)}"
            : throw new InvalidOperationException($"Messaging:Url: the address of {uri.Host} goes on behind the port; a NATS address ends there");
    }
}
