using System.Net;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>Which base URLs a provider may have. Local first: leaving the machine is a decision, never a default.</summary>
public static class BaseUrlRule
{
    /// <summary>The normalised URL, or the reason and remedy why it is refused.</summary>
    public static (Uri? Url, string? Refusal) Check(string? text, bool allowRemote, bool hasKey)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            return (null, "baseUrl must be an absolute http or https URL, for example http://localhost:11434/v1.");
        }
        if (url.UserInfo.Length > 0 || url.Query.Length > 0 || url.Fragment.Length > 0)
        {
            return (null, "baseUrl must not contain a user, a query or a fragment: they end up in logs. Put the key into 'key'.");
        }
        if (!IsLoopback(url))
        {
            if (!allowRemote)
            {
                return (null, $"{url.Host} is not this machine, and requests to it would leave it. If that is wanted, set \"allowRemote\": true.");
            }
            if (hasKey && url.Scheme == "http")
            {
                return (null, $"The key would travel to {url.Host} in clear. Use https.");
            }
        }
        return (new Uri(url.GetLeftPart(UriPartial.Path).TrimEnd('/')), null);
    }

    /// <summary>By name only: what resolves to this machine today may resolve elsewhere tomorrow.</summary>
    public static bool IsLoopback(Uri url) =>
        url.IdnHost.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(url.IdnHost, out var address) && IPAddress.IsLoopback(address));
}
