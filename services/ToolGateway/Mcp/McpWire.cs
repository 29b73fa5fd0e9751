using System.Text.Json.Nodes;
using System.Threading.Channels;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// Stands between the SDK and its transport for what the SDK does for the whole connection and we do for each call: what the client can do (2026-07-28 says it
/// with each request), what a server asks before it answers, which is the caller's to answer and not ours, and that what is told before an answer is heard before it.
/// </summary>
internal sealed class McpWire(IClientTransport inner, Action<JsonRpcNotification> heard) : IClientTransport
{
    /// <summary>In <c>_meta</c> of a request of ours: what may be asked on its behalf. Never leaves this process.</summary>
    public const string Capabilities = "agentplatform/clientCapabilities";

    /// <summary>In the result we read: what the server asks.</summary>
    public const string Asked = "agentplatform/inputRequired";

    private const string ClientCapabilities = "io.modelcontextprotocol/clientCapabilities";
    private const string ResultType = "resultType";
    private const string SupportedVersions = "supportedVersions";

    public string Name => inner.Name;

    public async Task<ITransport> ConnectAsync(CancellationToken cancellationToken = default) => new Session(await inner.ConnectAsync(cancellationToken), heard);

    private sealed class Session : ITransport
    {
        private readonly ITransport _inner;
        private RequestId _probe;
        private readonly Channel<JsonRpcMessage> _read = Channel.CreateUnbounded<JsonRpcMessage>(new UnboundedChannelOptions { SingleWriter = true });

        public Session(ITransport inner, Action<JsonRpcNotification> heard)
        {
            _inner = inner;
            _ = Task.Run(() => Carry(heard));
        }

        public string? SessionId => _inner.SessionId;

        public ChannelReader<JsonRpcMessage> MessageReader => _read.Reader;

        public Task SendMessageAsync(JsonRpcMessage message, CancellationToken cancellationToken = default)
        {
            if (message is JsonRpcRequest { Method: RequestMethods.ServerDiscover } probe)
            {
                _probe = probe.Id;
            }

            if (message is JsonRpcRequest { Params: JsonObject content } && content["_meta"] is JsonObject meta && meta[Capabilities] is { } can)
            {
                meta.Remove(Capabilities);
                if (meta.ContainsKey(ClientCapabilities))
                {
                    meta[ClientCapabilities] = can;
                }
            }

            return _inner.SendMessageAsync(message, cancellationToken);
        }

        public ValueTask DisposeAsync() => _inner.DisposeAsync();

        // As fast as it comes: the SDK reads without a bound too, and it is the one that holds what was asked for.
        private async Task Carry(Action<JsonRpcNotification> heard)
        {
            try
            {
                await foreach (var message in _inner.MessageReader.ReadAllAsync())
                {
                    if (message is JsonRpcNotification told)
                    {
                        heard(told);
                    }
                    else if (message is JsonRpcResponse { Result: var found } said && said.Id == _probe && found?[SupportedVersions] is not JsonArray)
                    {
                        // Some servers say yes to every method, also to the one by which a server of 2026-07-28 is known.
                        await _read.Writer.WriteAsync(new JsonRpcError { Id = said.Id, Error = new JsonRpcErrorDetail { Code = (int)McpErrorCode.MethodNotFound, Message = "The server names no revision" } });
                        continue;
                    }
                    else if (message is JsonRpcResponse { Result: JsonObject result } response && result[ResultType] is JsonValue type && type.ToString() == "input_required")
                    {
                        response.Result = new JsonObject { [Asked] = result.DeepClone() };
                    }

                    await _read.Writer.WriteAsync(message);
                }

                _read.Writer.TryComplete();
            }
            catch (Exception e)
            {
                // Whoever reads is told why there is no more.
                _read.Writer.TryComplete(e);
            }
        }
    }
}
