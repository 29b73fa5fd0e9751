using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Chat;

public sealed class StreamingTests : IAsyncLifetime
{
    private FakeUpstream _upstream = null!;
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeUpstream.Start();
        _fabric = await FabricHost.Start(("ModelFabric:Upstream:IdleTimeout", "00:00:00.300"), ("ModelFabric:Upstream:EventBytesMax", "4096"));
        await _fabric.Use(_upstream);
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Each_chunk_reaches_the_client_before_the_next_is_made()
    {
        // The upstream sends a chunk only when the client has read the one before: a gateway that collects would never end.
        using var turn = new SemaphoreSlim(1);
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            for (var i = 0; i < 5; i++)
            {
                Assert.True(await turn.WaitAsync(TimeSpan.FromSeconds(10)));
                await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk($"part {i}", i == 4 ? "stop" : null)}\n\n");
            }
            await FakeUpstream.Piece(http, "data: [DONE]\n\n");
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var read = new List<string>();
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal))
            {
                read.Add((string)JsonNode.Parse(line[6..])!["choices"]![0]!["delta"]!["content"]!);
                turn.Release();
            }
            else if (line.Length > 0)
            {
                read.Add(line);
            }
        }
        Assert.Equal(["part 0", "part 1", "part 2", "part 3", "part 4", "data: [DONE]"], read);
        var record = await _fabric.Calls.Next();
        Assert.Equal((true, "stop", 200), (record.Streaming, record.FinishReason, record.Status));
        Assert.True(record.Usage!.Estimated);
        Assert.True(record.FirstTokenMilliseconds <= record.TotalMilliseconds);
    }

    [Fact]
    public async Task The_bytes_of_a_stream_are_those_of_the_provider_however_they_are_cut()
    {
        var stream = $": comment é\n\nevent: x\r\ndata: {FakeUpstream.Chunk("ü€😀", "stop")}\r\n\r\ndata:{{\"usage\":{{\"prompt_tokens\":5,\"completion_tokens\":6}},\"choices\":[]}}\n\ndata: [DONE]\n\n";
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            foreach (var single in Encoding.UTF8.GetBytes(stream))
            {
                await http.Response.Body.WriteAsync(new[] { single });
                await http.Response.Body.FlushAsync();
            }
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        Assert.Equal(stream, await response.Content.ReadAsStringAsync());
        Assert.Equal(new ModelFabric.Calls.TokenUsage(5, 6, Estimated: false), (await _fabric.Calls.Next()).Usage);
    }

    [Fact]
    public async Task A_provider_that_falls_silent_in_the_middle_ends_the_stream_with_an_error()
    {
        var dropped = new TaskCompletionSource();
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\n");
            await FakeUpstream.Silence(http, dropped);
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        var events = await response.Events();
        Assert.Equal("upstream_timeout", (string)JsonNode.Parse(events[^1])!["error"]!["code"]!);
        Assert.Equal(2, events.Count);
        Assert.Equal("upstream_timeout", (await _fabric.Calls.Next()).ErrorClass);
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Half_an_event_before_a_disconnect_never_reaches_the_client()
    {
        var seen = new TaskCompletionSource();
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\ndata: {{\"choi");
            await seen.Task;
            http.Abort();
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var first = await reader.ReadLineAsync();
        seen.SetResult();
        var rest = (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.StartsWith("data: ", first, StringComparison.Ordinal);
        Assert.Equal("upstream_disconnected", (string)JsonNode.Parse(Assert.Single(rest)[6..])!["error"]!["code"]!);
    }

    [Fact]
    public async Task A_broken_event_is_replaced_by_an_error_and_ends_the_stream()
    {
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\ndata: {{\"broken\n\ndata: {FakeUpstream.Chunk("after")}\n\n");
            await FakeUpstream.Silence(http);
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        var events = await response.Events();
        Assert.Equal(2, events.Count);
        Assert.Equal("upstream_invalid_event", (string)JsonNode.Parse(events[1])!["error"]!["code"]!);
    }

    [Theory]
    [InlineData(null, "upstream_truncated")]
    [InlineData("stop", null)]
    public async Task A_stream_without_its_end_mark_is_complete_only_with_a_finish_reason(string? finish, string? error)
    {
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("all", finish)}\n\n");
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        var last = (await response.Events())[^1];
        Assert.Equal(error, last == "[DONE]" ? null : (string)JsonNode.Parse(last)!["error"]!["code"]!);
        Assert.Equal(error, (await _fabric.Calls.Next()).ErrorClass);
    }

    [Fact]
    public async Task An_event_without_end_is_cut_off_at_its_bound()
    {
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            while (!http.RequestAborted.IsCancellationRequested)
            {
                await FakeUpstream.Piece(http, new string('x', 1000));
            }
        });
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        Assert.Equal("upstream_answer_too_large", (string)(await response.Error(502))["code"]!);
    }

    [Fact]
    public async Task An_error_before_the_first_byte_keeps_its_status()
    {
        _upstream.Behave(http => FakeUpstream.Json(http, """{"error":{"message":"context too long"}}""", 400));
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        Assert.Contains("context too long", (string)(await response.Error(400))["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_is_no_stream_is_refused()
    {
        using var response = await _fabric.Chat(FabricHost.Ask(stream: true));

        Assert.Equal("upstream_not_streaming", (string)(await response.Error(502))["code"]!);
    }

    [Fact]
    public async Task A_client_that_leaves_a_stream_ends_it_upstream_and_is_recorded()
    {
        var dropped = new TaskCompletionSource();
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\n");
            await FakeUpstream.Silence(http, dropped);
        });
        await using (var patient = await FabricHost.Start())
        {
            await patient.Use(_upstream);
            var response = await patient.Chat(FabricHost.Ask(stream: true));
            using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync()))
            {
                Assert.StartsWith("data: ", await reader.ReadLineAsync(), StringComparison.Ordinal);
            }
            response.Dispose();

            await dropped.Task.WaitAsync(TimeSpan.FromSeconds(10));
            var record = await patient.Calls.Next();
            Assert.Equal(("client_closed", 499, true), (record.ErrorClass, record.Status, record.ResponseSha256 is not null));
        }
    }
}
