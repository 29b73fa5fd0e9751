using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Tokens;

public sealed class CountRouteTests : IAsyncLifetime
{
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync() => _fabric = await FabricHost.Start();

    public ValueTask DisposeAsync() => _fabric.DisposeAsync();

    [Theory]
    [InlineData("""{"encoding":"o200k_base","input":"hello world"}""", """{"object":"token_count","encoding":"o200k_base","exact":true,"tokens":2,"counts":[2]}""")]
    [InlineData("""{"model":"up/gpt-4-turbo","input":["hello world","","tiktoken is great!"]}""", """{"object":"token_count","encoding":"cl100k_base","exact":true,"tokens":8,"counts":[2,0,6]}""")]
    [InlineData("""{"model":"up/gpt-4o","input":"hello world"}""", """{"object":"token_count","encoding":"o200k_base","exact":true,"tokens":2,"counts":[2]}""")]
    [InlineData("""{"model":"up/llama","input":"hello world"}""", """{"object":"token_count","encoding":"o200k_base","exact":false,"tokens":2,"counts":[2]}""")]
    public async Task Texts_are_counted_and_a_guess_is_called_one(string body, string expected)
    {
        using var response = await _fabric.Post("/v1/tokens/count", body);

        Assert.Equal(expected, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("not json", "invalid_json")]
    [InlineData("[]", "invalid_json")]
    [InlineData("{}", "missing_input")]
    [InlineData("""{"input":7}""", "invalid_type")]
    [InlineData("""{"encoding":"p50k","input":"a"}""", "unknown_encoding")]
    public async Task What_cannot_be_counted_is_refused(string body, string code)
    {
        using var response = await _fabric.Post("/v1/tokens/count", body);

        Assert.Equal(code, (string)(await response.Error(400))["code"]!);
    }
}
