using System.Net;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>The system's proxy for everything but this machine: a provider that counts as local would otherwise be reached through another one.</summary>
public sealed class LocalStaysLocal(IWebProxy system) : IWebProxy
{
    public ICredentials? Credentials
    {
        get => system.Credentials;
        set => system.Credentials = value;
    }

    public Uri? GetProxy(Uri destination) => BaseUrlRule.IsLoopback(destination) ? null : system.GetProxy(destination);

    public bool IsBypassed(Uri host) => BaseUrlRule.IsLoopback(host) || system.IsBypassed(host);
}
