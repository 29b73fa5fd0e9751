using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>What is no chat: Anthropic's token count, and embeddings at Google.</summary>
public sealed class CountAndEmbedTests : IAsyncLifetime
{
    private const string Count = "/anthropic/v1/messages/count_tokens";
    private FabricHost _fabric = null!;
    private FakeUpstream _upstream = null!;

    public async ValueTask InitializeAsync() => (_fabric, _upstream) = (await FabricHost.Start(), await FakeUpstream.Start());

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Anthropic_counts_exactly_and_counting_uses_nothing()
    {
        await _fabric.Use(_upstream, kind: "anthropic");
        _upstream.Behave(http => FakeUpstream.Json(http, """{"input_tokens":2095}"""));
        using var counted = await _fabric.Post(Count, """{"model":"up/real","messages":[{"role":"user","content":"hi"}]}""");

        Assert.Equal("""{"input_tokens":2095}""", await counted.Content.ReadAsStringAsync());
        Assert.Equal(("/v1/messages/count_tokens", "2023-06-01"), (_upstream.Requests.Single().Path, _upstream.Requests.Single().Headers["anthropic-version"]));
        Assert.Equal(0, (await _fabric.Calls.Next()).Usage!.Input);
    }

    [Fact]
    public async Task For_all_others_the_question_is_counted_here_and_nothing_leaves()
    {
        await _fabric.Use(_upstream);
        async Task<long> Tokens(string text)
        {
            using var counted = await _fabric.Post(Count, new JsonObject { ["model"] = "up/real", ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }) }.ToJsonString());
            return (long)(await counted.Json())["input_tokens"]!;
        }

        Assert.Equal(100, await Tokens(string.Concat(Enumerable.Repeat(" word", 101))) - await Tokens(" word"));
        Assert.Empty(_upstream.Requests);
        using var wrong = await _fabric.Post(Count, """{"model":"no/such","messages":[]}""");
        Assert.Equal("not_found_error", (string)(await wrong.Error(404))["type"]!);
    }

    [Theory]
    [InlineData("""{"model":"up/real","input":["a","b"],"dimensions":2,"encoding_format":"float","user":"u"}""", "[0.5,-2]", """[[0.5,-2],[1,0]]""")]
    [InlineData("""{"model":"up/real","input":["a","b"],"encoding_format":"base64"}""", "[0.5,-2]", """["AAAAPwAAAMA=","AACAPwAAAAA="]""")]
    public async Task Embeddings_come_from_google_in_openais_form(string body, string first, string wanted)
    {
        await _fabric.Use(_upstream, key: "key-of-google", kind: "gemini");
        _upstream.Behave(http => FakeUpstream.Json(http, """{"embeddings":[{"values":FIRST},{"values":[1,0]}],"usageMetadata":{"promptTokenCount":4}}""".Replace("FIRST", first, StringComparison.Ordinal)));
        using var response = await _fabric.Post("/v1/embeddings", body);

        var told = await response.Json();
        Assert.Equal((wanted, """{"prompt_tokens":4,"total_tokens":4}"""), ("[" + string.Join(',', told["data"]!.AsArray().Select(one => one!["embedding"]!.ToJsonString())) + "]", told["usage"]!.ToJsonString()));
        var sent = _upstream.Requests.Single();
        Assert.Equal(("/v1/models/real:batchEmbedContents", "key-of-google"), (sent.Path, sent.Headers["x-goog-api-key"]));
        Assert.Equal(body.Contains("dimensions", StringComparison.Ordinal) ? 2 : null, (int?)JsonNode.Parse(sent.Text)!["requests"]![1]!["outputDimensionality"]);
        Assert.Equal("b", (string)JsonNode.Parse(sent.Text)!["requests"]![1]!["content"]!["parts"]![0]!["text"]!);
    }

    [Theory]
    [InlineData("""{"model":"up/real","input":[1,2]}""", "input")]
    [InlineData("""{"model":"up/real","input":"a","task":"x"}""", "task")]
    public async Task What_google_cannot_embed_is_refused_by_name(string body, string named)
    {
        await _fabric.Use(_upstream, kind: "gemini");
        using var response = await _fabric.Post("/v1/embeddings", body);

        var error = await response.Error(400);
        Assert.Equal(("not_carried", named), ((string)error["code"]!, (string)error["param"]!));
    }

    [Fact]
    public async Task An_answer_with_too_few_embeddings_is_no_answer()
    {
        await _fabric.Use(_upstream, kind: "gemini");
        _upstream.Behave(http => FakeUpstream.Json(http, """{"embeddings":[{"values":[1]}]}"""));
        using var response = await _fabric.Post("/v1/embeddings", """{"model":"up/real","input":["a","b"]}""");

        Assert.Equal("upstream_invalid_answer", (string)(await response.Error(502))["code"]!);
    }

    [Fact]
    public async Task Cached_and_reasoning_tokens_stand_in_the_record_in_every_format()
    {
        await _fabric.Use(_upstream, preset: "openai");
        _upstream.Behave((http, n) => FakeUpstream.Json(http, n == 1
            ? """{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}}"""
            : """{"id":"r","object":"response","status":"completed","model":"m","output":[],"usage":{"input_tokens":7,"output_tokens":5,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":3}}}"""));
        using var chat = await _fabric.Chat(FabricHost.Ask());
        var first = (await _fabric.Calls.Next()).Usage!;
        using var responses = await _fabric.Post("/v1/responses", """{"model":"up/real","input":"hi"}""");
        var second = (await _fabric.Calls.Next()).Usage!;

        Assert.Equal((7L, 5L, 4L, 3L), (first.Input, first.Output, first.CacheRead, first.Reasoning));
        Assert.Equal(first, second);
    }
}
