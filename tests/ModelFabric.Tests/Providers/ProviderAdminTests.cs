using System.Net;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Providers;

public sealed class ProviderAdminTests : IAsyncLifetime
{
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync() => _fabric = await FabricHost.Start();

    public ValueTask DisposeAsync() => _fabric.DisposeAsync();

    [Fact]
    public async Task A_provider_is_set_shown_without_its_key_and_removed()
    {
        using var created = await _fabric.PutProvider("local", new { kind = "openai", baseUrl = "http://localhost:11434/v1/", models = new[] { "m" }, key = "secret-key" });
        using var again = await _fabric.PutProvider("local", new { kind = "openai", baseUrl = "http://localhost:11434/v1" });
        var shown = await _fabric.Http.GetStringAsync("/admin/providers/local");
        using var removed = await _fabric.Http.DeleteAsync("/admin/providers/local");
        using var gone = await _fabric.Http.GetAsync("/admin/providers/local");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK), (created.StatusCode, again.StatusCode));
        // The first eight digits of SHA-256 over "secret-key".
        Assert.Equal("""{"name":"local","kind":"openai","baseUrl":"http://localhost:11434/v1","models":[],"allowRemote":false,"keyFingerprint":"sha256:85dbe15d","source":"admin"}""", shown);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (removed.StatusCode, gone.StatusCode));
    }

    [Theory]
    [InlineData("http://example.com/v1", false, "allowRemote")]
    [InlineData("http://10.0.0.5:8000/v1", false, "allowRemote")]
    [InlineData("http://localhost.example.com/v1", false, "allowRemote")]
    [InlineData("http://localhost@example.com/v1", false, "user")]
    [InlineData("http://example.com/v1", true, "https")]
    [InlineData("file:///etc/passwd", true, "http or https")]
    [InlineData("https://example.com/v1?key=abc", true, "query")]
    public async Task A_base_url_that_leaves_the_machine_or_leaks_is_refused_with_the_remedy(string url, bool allowRemote, string remedy)
    {
        using var response = await _fabric.PutProvider("p", new { kind = "openai", baseUrl = url, key = "secret-key", allowRemote });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains(remedy, (string)(await response.Json())["detail"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/v1", false)]
    [InlineData("http://[::1]:1/v1", false)]
    [InlineData("https://api.example.com/v1", true)]
    public async Task A_base_url_on_this_machine_or_agreed_to_is_taken(string url, bool allowRemote)
    {
        using var response = await _fabric.PutProvider("p", new { kind = "openai", baseUrl = url, key = "secret-key", allowRemote });

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
    }

    [Fact]
    public async Task A_stored_key_does_not_follow_the_base_url_to_another_server()
    {
        using var set = await _fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://localhost:1/v1", key = "secret-key" });
        using var moved = await _fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://localhost:2/v1" });
        using var path = await _fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://localhost:1/v2" });

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.OK), (moved.StatusCode, path.StatusCode));
    }

    [Theory]
    [InlineData("scripted")]
    [InlineData("Upper")]
    [InlineData("a b")]
    public async Task A_name_that_is_taken_or_malformed_is_refused(string name)
    {
        using var response = await _fabric.PutProvider(Uri.EscapeDataString(name), new { kind = "openai", baseUrl = "http://localhost:1/v1" });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task A_key_with_a_line_break_is_refused_and_not_repeated()
    {
        using var response = await _fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://localhost:1/v1", key = "canary\nkey" });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.DoesNotContain("canary", await response.Content.ReadAsStringAsync() + _fabric.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_master_key_keys_are_refused_and_the_rest_works()
    {
        await using var locked = await FabricHost.Start(("AGENTPLATFORM_MASTER_KEY_FILE", ""));
        using var keyed = await locked.PutProvider("p", new { kind = "openai", baseUrl = "http://localhost:1/v1", key = "secret-key" });
        using var keyless = await locked.PutProvider("p", new { kind = "openai", baseUrl = "http://localhost:1/v1" });

        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.Created), (keyed.StatusCode, keyless.StatusCode));
        Assert.Contains("AGENTPLATFORM_MASTER_KEY_FILE", (string)(await keyed.Json())["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_configured_provider_cannot_be_changed_over_http()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start(("ModelFabric:Providers:fixed:BaseUrl", upstream.BaseUrl), ("ModelFabric:Providers:fixed:Models:0", "m"));
        using var changed = await fabric.PutProvider("fixed", new { kind = "openai", baseUrl = "http://localhost:1/v1" });
        using var removed = await fabric.Http.DeleteAsync("/admin/providers/fixed");
        using var answer = await fabric.Chat(FabricHost.Ask("fixed/m"));

        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.Conflict, HttpStatusCode.OK), (changed.StatusCode, removed.StatusCode, answer.StatusCode));
    }

    [Theory]
    [InlineData("ModelFabric:Providers:far:BaseUrl", "https://example.com", "allowRemote")]
    [InlineData("ModelFabric:Upstream:RetriesMax", "11", "RetriesMax")]
    [InlineData("ModelFabric:Upstream:FirstByteTimeout", "00:00:01", "must exceed ConnectTimeout")]
    public async Task Wrong_configuration_stops_the_start_and_is_named(string key, string value, string named)
    {
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => FabricHost.Start((key, value)));

        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }
}
