using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;

namespace AgentPlatform.ModelFabric.Tests.Clients;

/// <summary>Anthropic's own client, nothing changed but its base URL, against providers of every kind.</summary>
public sealed class AnthropicClientTests : IAsyncLifetime
{
    private const string Weather = """
        model: scripted/weather
        turns:
          - text: let me look
            calls: [ { tool: weather, arguments: { city: Basel } }, { tool: weather, arguments: { city: Bern } } ]
          - text: "it is {{result 0}} and {{result 1}}"
        """;

    private const string Asked = """{"model":"scripted/weather","max_tokens":100,"messages":[{"role":"user","content":"weather?"}],"tools":[{"name":"weather","description":"tells","input_schema":{"type":"object"}}]}""";

    private FakeUpstream _upstream = null!;
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeUpstream.Start();
        _fabric = await FabricHost.Start();
        _fabric.Script("weather", Weather);
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Two_tools_are_called_side_by_side_and_their_results_come_back_in_a_stream()
    {
        using var client = Client();
        var first = await client.Messages.Create(Params(Asked));
        Assert.Equal("tool_use", first.StopReason!.Raw());
        var calls = first.Content.Select(block => block.TryPickToolUse(out var call) ? call : null).OfType<ToolUseBlock>().ToList();
        Assert.Equal(["weather Basel", "weather Bern"], calls.Select(call => $"{call.Name} {call.Input["city"].GetString()}"));

        var next = JsonNode.Parse(Asked)!;
        next["messages"]!.AsArray().Add(new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray([.. first.Content.Select(block => JsonNode.Parse(block.Json.GetRawText()))]) });
        next["messages"]!.AsArray().Add(new JsonObject
        {
            ["role"] = "user",
            ["content"] = new JsonArray([.. calls.Select((call, index) => new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = call.ID, ["content"] = index == 0 ? "dry" : "wet" })]),
        });
        var (text, stop) = ("", "");
        await foreach (var one in client.Messages.CreateStreaming(Params(next.ToJsonString())))
        {
            if (one.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece))
            {
                text += piece.Text;
            }
            if (one.TryPickDelta(out var end))
            {
                stop = end.Delta.StopReason!.Raw();
            }
        }

        Assert.Equal(("it is dry and wet", "end_turn"), (text, stop));
    }

    [Fact]
    public async Task A_picture_and_thinking_reach_google_and_its_thoughts_come_back()
    {
        await _fabric.Use(_upstream, kind: "gemini");
        _upstream.Behave(http => FakeUpstream.Json(http,
            """{"modelVersion":"real-model","candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"a cat","thoughtSignature":"seal"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":20,"candidatesTokenCount":2,"thoughtsTokenCount":3}}"""));
        using var client = Client();
        var message = await client.Messages.Create(Params(
            """
            {"model":"up/real","max_tokens":100,"thinking":{"type":"enabled","budget_tokens":1024},
             "messages":[{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AQID"}}]}]}
            """));

        Assert.True(message.Content[0].TryPickThinking(out var thought) && message.Content[1].TryPickText(out var text) && (thought.Thinking, thought.Signature, text.Text) == ("hm", "seal", "a cat"));
        Assert.Equal((20, 5), (message.Usage.InputTokens, message.Usage.OutputTokens));
        var sent = JsonNode.Parse(_upstream.Requests.Single().Text)!;
        Assert.Equal("""{"maxOutputTokens":100,"thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}""", sent["generationConfig"]!.ToJsonString());
        Assert.Equal("""{"inlineData":{"mimeType":"image/png","data":"AQID"}}""", sent["contents"]![0]!["parts"]![1]!.ToJsonString());
    }

    [Fact]
    public async Task Errors_are_the_exceptions_of_the_client()
    {
        await _fabric.Use(_upstream);
        using var client = Client();
        await Assert.ThrowsAsync<AnthropicNotFoundException>(() => client.Messages.Create(Params(Asked.Replace("scripted/weather", "no/such", StringComparison.Ordinal))));
        await Assert.ThrowsAsync<AnthropicBadRequestException>(() => client.Messages.Create(Params(Asked.Replace("scripted/weather\"", "up/real\",\"top_k\":3", StringComparison.Ordinal))));
        _upstream.Behave(http =>
        {
            http.Response.Headers.RetryAfter = "3600";
            return FakeUpstream.Json(http, """{"error":{"message":"slow down"}}""", 429);
        });
        var limited = await Assert.ThrowsAsync<AnthropicRateLimitException>(() => client.Messages.Create(Params(Asked.Replace("scripted/weather", "up/real", StringComparison.Ordinal))));

        Assert.Contains("slow down", limited.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_breaks_is_an_error_and_no_short_answer()
    {
        await _fabric.Use(_upstream);
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\n");
        });
        using var client = Client();
        var read = "";
        await Assert.ThrowsAnyAsync<AnthropicException>(async () =>
        {
            await foreach (var one in client.Messages.CreateStreaming(Params(Asked.Replace("scripted/weather", "up/real", StringComparison.Ordinal))))
            {
                read += one.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece) ? piece.Text : "";
            }
        });

        Assert.Equal("first", read);
    }

    private AnthropicClient Client() => new() { BaseUrl = new Uri(_fabric.Url, "anthropic").ToString(), ApiKey = FabricHost.Token("agent"), MaxRetries = 0 };

    private static MessageCreateParams Params(string body) => MessageCreateParams.FromRawUnchecked(
        new Dictionary<string, JsonElement>(), new Dictionary<string, JsonElement>(), JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(body)!);
}
