using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>Responses, embeddings and transcriptions over the network.</summary>
public sealed class OtherRoutesTests : IAsyncLifetime
{
    private FakeUpstream _upstream = null!;
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeUpstream.Start();
        _fabric = await FabricHost.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_response_passes_to_a_provider_that_has_responses()
    {
        await _fabric.Use(_upstream, preset: "openai");
        const string answer = """{"id":"resp_1","object":"response","status":"completed","model":"real-model","output":[],"usage":{"input_tokens":7,"output_tokens":3}}""";
        _upstream.Behave(http => FakeUpstream.Json(http, answer));
        using var response = await _fabric.Post("/v1/responses", """{"model":"up/real","previous_response_id":"resp_0","input":"hi"}""");

        Assert.Equal(answer, await response.Content.ReadAsStringAsync());
        Assert.Equal(("/v1/responses", """{"model":"real","previous_response_id":"resp_0","input":"hi"}"""), (_upstream.Requests.Single().Path, _upstream.Requests.Single().Text));
        Assert.Equal(("completed", new ModelFabric.Calls.TokenUsage(7, 3, Estimated: false)), ((await _fabric.Calls.Next()) is var record ? (record.FinishReason!, record.Usage!) : default));
    }

    [Fact]
    public async Task A_stream_of_responses_passes_byte_for_byte_and_ends_with_its_last_event()
    {
        await _fabric.Use(_upstream, preset: "openai");
        const string stream = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n"
            + "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"object\":\"response\",\"status\":\"completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n";
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, stream);
        });
        using var response = await _fabric.Post("/v1/responses", """{"model":"up/real","stream":true,"input":"hi"}""");

        Assert.Equal(stream, await response.Content.ReadAsStringAsync());
        Assert.Null((await _fabric.Calls.Next()).ErrorClass);
    }

    [Fact]
    public async Task A_response_becomes_a_chat_where_there_are_no_responses()
    {
        await _fabric.Use(_upstream);
        using var response = await _fabric.Post("/v1/responses", """{"model":"up/real","instructions":"be brief","input":"hi"}""");
        var answer = await response.Json();

        Assert.Equal(("completed", "hello"), ((string)answer["status"]!, (string)answer["output"]![0]!["content"]![0]!["text"]!));
        Assert.Equal("""{"model":"real","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}]}""", _upstream.Requests.Single().Text);
    }

    [Fact]
    public async Task Embeddings_pass_through_and_are_counted()
    {
        await _fabric.Use(_upstream);
        const string answer = """{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPw=="}],"model":"real-model","usage":{"prompt_tokens":4,"total_tokens":4}}""";
        _upstream.Behave(http => FakeUpstream.Json(http, answer));
        using var response = await _fabric.Post("/v1/embeddings", """{"input":["a","b"],"model":"up/real","encoding_format":"base64"}""");

        Assert.Equal(answer, await response.Content.ReadAsStringAsync());
        Assert.Equal(("/v1/embeddings", """{"input":["a","b"],"model":"real","encoding_format":"base64"}"""), (_upstream.Requests.Single().Path, _upstream.Requests.Single().Text));
        Assert.Equal(new ModelFabric.Calls.TokenUsage(4, 0, Estimated: false), (await _fabric.Calls.Next()).Usage);
    }

    [Fact]
    public async Task Embeddings_of_a_provider_without_any_are_refused()
    {
        await _fabric.Use(_upstream, kind: "anthropic");
        using var response = await _fabric.Post("/v1/embeddings", """{"input":"a","model":"up/real"}""");

        Assert.Equal("not_carried", (string)(await response.Error(400))["code"]!);
        Assert.Empty(_upstream.Requests);
    }

    [Theory]
    [InlineData("application/json", """{"text":"hello","usage":{"type":"tokens","input_tokens":14,"output_tokens":3}}""")]
    [InlineData("text/plain; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,000\nhello\n")]
    public async Task A_sound_passes_through_with_only_its_model_changed(string type, string answer)
    {
        await _fabric.Use(_upstream);
        _upstream.Behave(async http =>
        {
            http.Response.ContentType = type;
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(answer));
        });
        using var form = new MultipartFormDataContent("the-boundary")
        {
            { new StringContent("srt"), "response_format" },
            { new ByteArrayContent([0, 1, 2, (byte)'\r', (byte)'\n', (byte)'-', (byte)'-', 255]), "file", "a.wav" },
            { new StringContent("up/real"), "model" },
        };
        var bytes = await form.ReadAsByteArrayAsync();
        using var response = await _fabric.Http.PostAsync("/v1/audio/transcriptions", form);

        Assert.Equal((HttpStatusCode.OK, answer, type), (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentType!.ToString()));
        var sent = Assert.Single(_upstream.Requests);
        Assert.Equal(Encoding.Latin1.GetString(bytes).Replace("up/real", "real", StringComparison.Ordinal), Encoding.Latin1.GetString(sent.Body));
        Assert.Equal(("/v1/audio/transcriptions", "multipart/form-data; boundary=\"the-boundary\""), (sent.Path, sent.Headers["Content-Type"]));
    }

    [Theory]
    [InlineData("application/json", "{}", "invalid_form")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nup/real", "invalid_form")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nup/real\r\n--b--\r\n", "missing_file")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n", "missing_model")]
    public async Task A_form_that_cannot_be_read_is_refused_without_a_call(string type, string body, string code)
    {
        await _fabric.Use(_upstream);
        using var content = new StringContent(body);
        content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);
        using var response = await _fabric.Http.PostAsync("/v1/audio/transcriptions", content);

        Assert.Equal(code, (string)(await response.Error(400))["code"]!);
        Assert.Empty(_upstream.Requests);
    }

    [Theory]
    [InlineData("ollama", "http://localhost:11434/v1")]
    [InlineData("sglang", "http://localhost:30000/v1")]
    public async Task A_preset_knows_where_its_server_is(string preset, string url)
    {
        using var response = await _fabric.PutProvider("p", new { preset, models = new[] { "m" } });

        Assert.Equal((HttpStatusCode.Created, url, preset), (response.StatusCode, (string)(await response.Json())["baseUrl"]!, (string)JsonNode.Parse(await _fabric.Http.GetStringAsync("/admin/providers/p"))!["preset"]!));
    }

    [Theory]
    [InlineData("groq", null, "allowRemote")]
    [InlineData("azure", null, "absolute")]
    [InlineData("nobody", null, "openrouter")]
    [InlineData("gemini", "openai", "preset one of")]
    public async Task A_preset_does_not_leave_the_machine_by_itself(string preset, string? kind, string named)
    {
        using var response = await _fabric.PutProvider("p", new { preset, kind, key = "secret-key" });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(named, (string)(await response.Json())["detail"]!, StringComparison.Ordinal);
    }
}
