using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using OpenAI;
using OpenAI.Audio;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Responses;

#pragma warning disable OPENAI001 // The client marks its newer parts as such; they are the ones people use.

namespace AgentPlatform.ModelFabric.Tests.Clients;

/// <summary>OpenAI's own client, nothing changed but its base URL, against providers of every kind.</summary>
public sealed class OpenAiClientTests : IAsyncLifetime
{
    private const string Weather = """
        model: scripted/weather
        turns:
          - text: let me look
            calls: [ { tool: weather, arguments: { city: Basel } }, { tool: weather, arguments: { city: Bern } } ]
          - text: "it is {{result 0}} and {{result 1}}"
        """;

    private static readonly ChatTool Tool = ChatTool.CreateFunctionTool("weather", "tells the weather", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}}}"""));
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Two_tools_are_called_side_by_side_and_their_results_come_back(bool stream)
    {
        var client = Chat("scripted/weather");
        List<ChatMessage> messages = [new UserChatMessage("weather?")];
        var options = new ChatCompletionOptions { Tools = { Tool } };
        var first = stream ? await Streamed(client, messages, options) : Of(await client.CompleteChatAsync(messages, options));

        Assert.Equal(("let me look", ChatFinishReason.ToolCalls), (first.Text, first.Finish));
        Assert.Equal(["""weather {"city":"Basel"}""", """weather {"city":"Bern"}"""], first.Calls.Select(call => $"{call.FunctionName} {call.FunctionArguments}"));
        messages.Add(new AssistantChatMessage(first.Calls));
        messages.AddRange(first.Calls.Select((call, index) => new ToolChatMessage(call.Id, index == 0 ? "dry" : "wet")));
        var second = stream ? await Streamed(client, messages, options) : Of(await client.CompleteChatAsync(messages, options));
        Assert.Equal(("it is dry and wet", ChatFinishReason.Stop), (second.Text, second.Finish));
    }

    [Fact]
    public async Task A_picture_and_a_schema_reach_anthropic_and_its_answer_comes_back()
    {
        await _fabric.Use(_upstream, kind: "anthropic");
        _upstream.Behave(http => FakeUpstream.Json(http, """{"id":"m","type":"message","role":"assistant","model":"real-model","content":[{"type":"text","text":"{\"cat\":true}"}],"stop_reason":"end_turn","usage":{"input_tokens":20,"output_tokens":5}}"""));
        var completion = (await Chat("up/real").CompleteChatAsync(
            [new UserChatMessage(ChatMessageContentPart.CreateTextPart("a cat?"), ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(new byte[] { 1, 2, 3 }), "image/png"))],
            new ChatCompletionOptions { ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("cat", BinaryData.FromString("""{"type":"object"}"""), jsonSchemaIsStrict: true) })).Value;

        Assert.Equal(("""{"cat":true}""", 20, 5, "real-model"), (completion.Content[0].Text, completion.Usage.InputTokenCount, completion.Usage.OutputTokenCount, completion.Model));
        var sent = JsonNode.Parse(_upstream.Requests.Single().Text)!;
        Assert.Equal("""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AQID"}}""", sent["messages"]![0]!["content"]![1]!.ToJsonString());
        Assert.Equal("""{"format":{"type":"json_schema","schema":{"type":"object"}}}""", sent["output_config"]!.ToJsonString());
    }

    [Theory]
    [InlineData(400, 400)]
    [InlineData(429, 429)]
    [InlineData(500, 502)]
    public async Task An_error_is_one_the_client_knows(int upstream, int status)
    {
        await _fabric.Use(_upstream);
        _upstream.Behave(http =>
        {
            http.Response.Headers.RetryAfter = "3600";
            return FakeUpstream.Json(http, """{"error":{"message":"because"}}""", upstream);
        });
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Chat("up/real").CompleteChatAsync([new UserChatMessage("hi")]));

        Assert.Equal(status, error.Status);
        Assert.Contains("because", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_breaks_never_looks_finished()
    {
        await _fabric.Use(_upstream);
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\n");
        });
        // This client passes over an error event, OpenAI's own as well; what tells is that no reason of an end ever came.
        var (read, finish, _) = await Streamed(Chat("up/real"), [new UserChatMessage("hi")], new ChatCompletionOptions());

        Assert.Equal(("first", (ChatFinishReason?)null), (read, finish));
    }

    [Fact]
    public async Task Responses_are_answered_by_a_provider_that_knows_only_chats()
    {
        var client = new ResponsesClient(Credential, new ResponsesClientOptions { Endpoint = Endpoint, RetryPolicy = new ClientRetryPolicy(0) });
        var asked = new CreateResponseOptions("scripted/weather", [ResponseItem.CreateUserMessageItem("weather?")])
        {
            Tools = { ResponseTool.CreateFunctionTool("weather", BinaryData.FromString("""{"type":"object"}"""), strictModeEnabled: false) },
        };
        var first = (await client.CreateResponseAsync(asked)).Value;
        foreach (var item in first.OutputItems)
        {
            asked.InputItems.Add(item);
        }
        foreach (var (call, index) in first.OutputItems.OfType<FunctionCallResponseItem>().Select((call, index) => (call, index)))
        {
            asked.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, index == 0 ? "dry" : "wet"));
        }
        var (text, completed) = ("", (ResponseResult?)null);
        asked.StreamingEnabled = true;
        await foreach (var update in await client.CreateResponseStreamingAsync(asked))
        {
            text += (update as StreamingResponseOutputTextDeltaUpdate)?.Delta;
            completed = (update as StreamingResponseCompletedUpdate)?.Response ?? completed;
        }

        Assert.Equal("let me look", first.GetOutputText());
        Assert.Equal(("it is dry and wet", "it is dry and wet", ResponseStatus.Completed), (text, completed!.GetOutputText(), completed.Status));
        Assert.True(completed.Usage.OutputTokenCount > 0);
    }

    [Fact]
    public async Task Embeddings_and_transcriptions_pass()
    {
        await _fabric.Use(_upstream);
        _upstream.Behave((http, attempt) => FakeUpstream.Json(http, attempt == 1
            ? """{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAEA="}],"model":"real-model","usage":{"prompt_tokens":4,"total_tokens":4}}"""
            : """{"text":"hello"}"""));
        var options = new OpenAIClientOptions { Endpoint = Endpoint };
        var vector = (await new EmbeddingClient("up/real", Credential, options).GenerateEmbeddingAsync("a")).Value.ToFloats();
        var heard = (await new AudioClient("up/real", Credential, options).TranscribeAudioAsync(new MemoryStream([1, 2, 3]), "a.wav")).Value.Text;

        Assert.Equal([1f, 2f], vector.ToArray());
        Assert.Equal("hello", heard);
    }

    private Uri Endpoint => new(_fabric.Url, "v1");

    private static ApiKeyCredential Credential => new(FabricHost.Token("agent"));

    private ChatClient Chat(string model) => new(model, Credential, new OpenAIClientOptions { Endpoint = Endpoint, RetryPolicy = new ClientRetryPolicy(0) });

    private static (string Text, ChatFinishReason? Finish, IReadOnlyList<ChatToolCall> Calls) Of(ChatCompletion completion) =>
        (string.Concat(completion.Content.Select(part => part.Text)), completion.FinishReason, completion.ToolCalls);

    private static async Task<(string Text, ChatFinishReason? Finish, IReadOnlyList<ChatToolCall> Calls)> Streamed(ChatClient client, List<ChatMessage> messages, ChatCompletionOptions options)
    {
        var (text, finish, calls) = ("", (ChatFinishReason?)null, new SortedDictionary<int, (string Id, string Name, string Arguments)>());
        await foreach (var update in client.CompleteChatStreamingAsync(messages, options))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            finish = update.FinishReason ?? finish;
            foreach (var call in update.ToolCallUpdates)
            {
                var known = calls.GetValueOrDefault(call.Index);
                calls[call.Index] = (known.Id ?? call.ToolCallId, known.Name ?? call.FunctionName, known.Arguments + call.FunctionArgumentsUpdate);
            }
        }
        return (text, finish, [.. calls.Values.Select(call => ChatToolCall.CreateFunctionToolCall(call.Id, call.Name, BinaryData.FromString(call.Arguments)))]);
    }
}
