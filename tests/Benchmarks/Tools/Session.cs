using System.Net.Http.Headers;
using System.Text;

namespace AgentPlatform.Benchmarks.Tools;

/// <summary>A client's session with an MCP server over streamable HTTP, with as little of a client as will do: what it takes is not measured as the server's.</summary>
internal sealed class Session : IAsyncDisposable
{
    private const string Revision = "2025-11-25";
    private readonly HttpClient _http;
    private readonly string _call;
    private readonly Dictionary<string, string> _headers = new() { ["MCP-Protocol-Version"] = Revision };
    private int _id;

    private Session(HttpClient http, string tool) =>
        (_http, _call) = (http, $$$$""","method":"tools/call","params":{"name":"{{{{tool}}}}","arguments":{"message":"hello"}}}""");

    /// <param name="http">Has the address, and what must be sent with each request.</param>
    /// <param name="tool">What is called.</param>
    public static async Task<Session> Open(HttpClient http, string tool)
    {
        var session = new Session(http, tool);
        using (var opened = await session.Post($$$$"""{"jsonrpc":"2.0","id":"open","method":"initialize","params":{"protocolVersion":"{{{{Revision}}}}","capabilities":{},"clientInfo":{"name":"benchmark","version":"1"}}}"""))
        {
            if (opened.Headers.TryGetValues("Mcp-Session-Id", out var ids))
            {
                session._headers["Mcp-Session-Id"] = ids.First();
            }
        }

        (await session.Post("""{"jsonrpc":"2.0","method":"notifications/initialized"}""")).Dispose();
        return session;
    }

    /// <summary>One call, from the request to the last byte of its answer.</summary>
    public async Task Call()
    {
        using var response = await Post($$"""{"jsonrpc":"2.0","id":{{Interlocked.Increment(ref _id)}}{{_call}}""");
        var answer = await response.Content.ReadAsStringAsync();
        if (!answer.Contains("Echo: hello", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"The call was answered: {answer}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, "/mcp");
        Head(request);
        (await _http.SendAsync(request)).Dispose();
    }

    private async Task<HttpResponseMessage> Post(string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        Head(request);
        var response = await _http.SendAsync(request);
        return response.IsSuccessStatusCode ? response : throw new InvalidOperationException($"{response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
    }

    private void Head(HttpRequestMessage request)
    {
        foreach (var (name, value) in _headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
    }
}
