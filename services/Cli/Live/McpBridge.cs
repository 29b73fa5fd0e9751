using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentPlatform.Cli.Live;

/// <summary>
/// Carries JSON-RPC messages between standard streams, one a line, and the gateway's <c>/mcp</c>: with the session that the gateway opened, and with the headers
/// that repeat what a message says. It reads no more messages than whose answer is awaited.
/// </summary>
internal sealed class McpBridge(HttpClient gateway, TextReader input, TextWriter output) : IDisposable
{
    private const int MessagesAtOnceMax = 64;
    private const string SessionHeader = "Mcp-Session-Id";

    private readonly SemaphoreSlim _places = new(MessagesAtOnceMax);
    private readonly SemaphoreSlim _line = new(1, 1);
    private volatile string? _session;

    /// <summary>Until the input ends; then what is under way is answered.</summary>
    public async Task Run(CancellationToken ct)
    {
        while (await input.ReadLineAsync(ct) is { } line)
        {
            if (line.Length > 0)
            {
                await _places.WaitAsync(ct);
                _ = Carry(line, ct);
            }
        }

        for (var place = 0; place < MessagesAtOnceMax; place++)
        {
            await _places.WaitAsync(ct);
        }

        await End(ct);
    }

    // Told for tidiness: a session that nobody uses ends by itself.
    private async Task End(CancellationToken ct)
    {
        if (_session is not { } session)
        {
            return;
        }

        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Delete, "mcp") { Headers = { { SessionHeader, session } } };
            using var response = await gateway.SendAsync(request, ct);
        }
        catch (HttpRequestException e)
        {
            Cli.Say.Progress($"The session was not ended: {e.Message}");
        }
    }

    public void Dispose()
    {
        _places.Dispose();
        _line.Dispose();
    }

    private async Task Carry(string message, CancellationToken ct)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "mcp") { Content = new StringContent(message, Encoding.UTF8, "application/json") };
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
            AddHeaders(request.Headers, message);
            using var response = await gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            if (response.Headers.TryGetValues(SessionHeader, out var opened))
            {
                _session = opened.First();
            }

            if (!response.IsSuccessStatusCode)
            {
                await Refused(message, (int)response.StatusCode, await response.Content.ReadAsStringAsync(ct), ct);
            }
            else if (response.Content.Headers.ContentType?.MediaType == "text/event-stream")
            {
                await foreach (var told in SseParser.Create(await response.Content.ReadAsStreamAsync(ct)).EnumerateAsync(ct))
                {
                    await Say(told.Data, ct);
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            await Refuse(message, $"The gateway cannot be reached: {e.Message}", ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The client is gone, and with it whoever waits for this answer.
        }
        finally
        {
            _places.Release();
        }
    }

    // What a message of the 2026-07-28 revision says, its headers must repeat; earlier ones belong to the session.
    private void AddHeaders(HttpRequestHeaders headers, string message)
    {
        if (_session is { } session)
        {
            headers.Add(SessionHeader, session);
        }

        JsonNode? said;
        try
        {
            said = JsonNode.Parse(message);
        }
        catch (JsonException)
        {
            // The gateway says what is wrong with it.
            return;
        }

        if (said is not JsonObject call || call["method"]?.ToString() is not { } method || call["params"] is not JsonObject content || content["_meta"]?["io.modelcontextprotocol/protocolVersion"]?.ToString() is not { } version)
        {
            return;
        }

        headers.Add("MCP-Protocol-Version", version);
        headers.Add("Mcp-Method", method);
        if ((content["name"] ?? content["uri"])?.ToString() is { } name)
        {
            headers.Add("Mcp-Name", name.All(c => c is > ' ' and < '\x7f') ? name : $"=?base64?{Convert.ToBase64String(Encoding.UTF8.GetBytes(name))}?=");
        }
    }

    // Only a request is answered; a notification that gets lost has nobody who would hear of it.
    private Task Refused(string message, int status, string body, CancellationToken ct)
    {
        try
        {
            // An error that names this request is its answer, and the client may understand it.
            if (JsonNode.Parse(body) is JsonObject error && error["error"] is JsonObject && error["id"] is not null)
            {
                return Say(error.ToJsonString(), ct);
            }
        }
        catch (JsonException)
        {
            // Told as text.
        }

        return Refuse(message, $"The gateway answered {status}: {body}", ct);
    }

    private async Task Refuse(string message, string why, CancellationToken ct)
    {
        Cli.Say.Progress(why);
        try
        {
            if (JsonSerializer.Deserialize<JsonElement>(message) is { ValueKind: JsonValueKind.Object } asked && asked.TryGetProperty("id", out var id) && asked.TryGetProperty("method", out _))
            {
                await Say(JsonSerializer.Serialize(new { jsonrpc = "2.0", id, error = new { code = -32000, message = why } }), ct);
            }
        }
        catch (JsonException)
        {
            await Say(JsonSerializer.Serialize(new { jsonrpc = "2.0", id = (string?)null, error = new { code = -32700, message = why } }), ct);
        }
    }

    private async Task Say(string message, CancellationToken ct)
    {
        await _line.WaitAsync(ct);
        try
        {
            await output.WriteLineAsync(message.AsMemory(), ct);
            await output.FlushAsync(ct);
        }
        finally
        {
            _line.Release();
        }
    }
}
