using System.Net;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Chat;

public sealed class IdempotencyTests : IAsyncLifetime
{
    private static readonly (string, string) KeyA = ("Idempotency-Key", "key-a");
    private FakeUpstream _upstream = null!;
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeUpstream.Start();
        _fabric = await FabricHost.Start();
        await _fabric.Use(_upstream);
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_repeated_request_gets_the_recorded_answer_and_calls_nobody()
    {
        _upstream.Behave((http, attempt) => FakeUpstream.Json(http, $$"""{"attempt":{{attempt}}}"""));
        using var first = await _fabric.Chat(FabricHost.Ask(), KeyA);
        using var second = await _fabric.Chat(FabricHost.Ask(), KeyA);

        Assert.Equal("""{"attempt":1}""", await first.Content.ReadAsStringAsync());
        Assert.Equal("""{"attempt":1}""", await second.Content.ReadAsStringAsync());
        Assert.Equal("true", second.Headers.GetValues("x-agentplatform-replayed").Single());
        Assert.Equal(first.Headers.GetValues("x-agentplatform-call"), second.Headers.GetValues("x-agentplatform-call"));
        Assert.Single(_upstream.Requests);
        Assert.Equal(1, await _fabric.Calls.Count());
    }

    [Fact]
    public async Task A_key_used_for_another_request_is_refused()
    {
        using var first = await _fabric.Chat(FabricHost.Ask(), KeyA);
        using var other = await _fabric.Chat(FabricHost.Ask().Replace("hi", "ho", StringComparison.Ordinal), KeyA);

        Assert.Equal("idempotency_key_reused", (string)(await other.Error(422))["code"]!);
        Assert.Single(_upstream.Requests);
    }

    [Fact]
    public async Task A_failed_call_may_be_repeated_under_its_key()
    {
        _upstream.Behave((http, attempt) => attempt == 1 ? FakeUpstream.Json(http, "{}", 400) : FakeUpstream.Json(http, FakeUpstream.Answer));
        using var first = await _fabric.Chat(FabricHost.Ask(), KeyA);
        using var second = await _fabric.Chat(FabricHost.Ask(), KeyA);

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
    }

    [Fact]
    public async Task Two_at_once_under_one_key_call_once()
    {
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        _upstream.Behave(async http =>
        {
            arrived.TrySetResult();
            await go.Task;
            await FakeUpstream.Json(http, FakeUpstream.Answer);
        });
        var first = _fabric.Chat(FabricHost.Ask(), KeyA);
        await arrived.Task;
        using var second = await _fabric.Chat(FabricHost.Ask(), KeyA);
        go.SetResult();

        Assert.Equal("idempotency_key_in_flight", (string)(await second.Error(409))["code"]!);
        Assert.NotNull(second.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Single(_upstream.Requests);
        (await first).Dispose();
    }

    [Fact]
    public async Task An_answer_that_could_not_be_recorded_is_not_given_out_under_a_key()
    {
        _fabric.Calls.FailsWith = new IOException("the store is down");
        using var keyed = await _fabric.Chat(FabricHost.Ask(), KeyA);
        using var free = await _fabric.Chat(FabricHost.Ask());

        Assert.Equal("store_unavailable", (string)(await keyed.Error(503))["code"]!);
        Assert.Equal(HttpStatusCode.OK, free.StatusCode);
        Assert.Contains("4206", _fabric.Logs.Text, StringComparison.Ordinal);
        _fabric.Calls.FailsWith = null;
        await _fabric.Calls.Next();
        await _fabric.Calls.Next();
        Assert.Equal(2, await _fabric.Calls.Count());
    }
}
