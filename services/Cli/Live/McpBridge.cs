using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;

namespace AgentPlatform.Cli.Live;

/// <summary>Carries JSON-RPC messages between standard streams, one a line, and the gateway's <c>/mcp</c>. It reads no more of them than whose answer is awaited.</summary>
internal sealed class McpBridge(HttpClient gateway, TextReader input, TextWriter output) : IDisposable
{
    private const int MessagesAtOnceMax = 64;

    private readonly SemaphoreSlim _places = new(MessagesAtOnceMax);
    private readonly SemaphoreSlim _line = new(1, 1);

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
            using var response = await gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            if (!response.IsSuccessStatusCode)
            {
                await Refuse(message, $"The gateway answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(ct)}", ct);
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

    // Only a request is answered; a notification that gets lost has nobody who would hear of it.
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
