using System.Net;
using System.Net.Sockets;
using AgentPlatform.ToolGateway.Sandbox.Egress;

namespace AgentPlatform.ToolGateway.Mcp.Authorization;

/// <summary>
/// Whom a connection to a server may ask. The server itself was configured; where to sign in the server says, and a server must not make us ask hosts of this machine or its
/// network, nor carry what authenticates us over a line that others can read.
/// </summary>
internal sealed partial class AuthorizationHosts : DelegatingHandler
{
    private readonly string _name;
    private readonly Uri _server;
    private readonly HostGrants? _granted;
    private readonly ILogger _log;

    public AuthorizationHosts(string name, Uri server, IReadOnlyList<string> hosts, ILogger log)
    {
        (_name, _server, _granted, _log) = (name, server, hosts.Count > 0 ? new HostGrants(hosts) : null, log);

        // No redirects: they would carry the headers to somebody else.
        InnerHandler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectCallback = Connect };
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var to = request.RequestUri!;
        return IsServer(to.Host, to.Port) || to.Scheme == Uri.UriSchemeHttps || (to.IsLoopback && _server.IsLoopback)
            ? base.SendAsync(request, cancellationToken)
            : throw Refused(to.Host, to.Port, "it is asked for without encryption");
    }

    private async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = await Dns.GetHostAddressesAsync(host, ct);
        if (!IsServer(host, port))
        {
            if (_granted?.Refusal(host, port) is { } why)
            {
                throw Refused(host, port, why);
            }

            // A host that an owner named may be near; its certificate says that it is the one. A name or address that only the server gave must not be.
            addresses = [.. addresses.Where(address => _granted is not null || (IPAddress.IsLoopback(address) && _server.IsLoopback) || HostGrants.RefusalOf(address, host: string.Empty) is null)];
            if (addresses.Length == 0)
            {
                throw Refused(host, port, "it is of this machine or its network");
            }
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private bool IsServer(string host, int port) => string.Equals(host, _server.Host, StringComparison.OrdinalIgnoreCase) && port == _server.Port;

    private HttpRequestException Refused(string host, int port, string why)
    {
        NotAsked(_name, host, port, why);
        return new HttpRequestException(HttpRequestError.ConnectionError, $"{host}:{port} is not asked on behalf of the MCP server '{_name}': {why}");
    }

    [LoggerMessage(4231, LogLevel.Warning, "The MCP server {Server} sends its client to {Host}:{Port}, which is not asked: {Why}; name the host in oauth.hosts if that is wanted")]
    private partial void NotAsked(string server, string host, int port, string why);
}
