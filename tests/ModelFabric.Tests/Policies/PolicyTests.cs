using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Policies;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;

namespace AgentPlatform.ModelFabric.Tests.Policies;

/// <summary>Where calls may go, and what is taken out of them before they leave.</summary>
public sealed class PolicyTests : IAsyncLifetime
{
    private static readonly object Addresses = new { name = "address", pattern = @"[\w.+-]+@[\w-]+\.[\w.]+" };
    private FabricHost _fabric = null!;
    private FakeUpstream _upstream = null!;

    public async ValueTask InitializeAsync()
    {
        (_fabric, _upstream) = (await FabricHost.Start(), await FakeUpstream.Start());
        await _fabric.Use(_upstream);
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_call_to_a_host_that_no_policy_allows_is_refused_by_name_recorded_and_never_made()
    {
        await Put("fence", new { models = "up/*", hosts = new[] { "*.example.com", "localhost" }, alsoOnThisMachine = true });
        using var refused = await _fabric.Chat(FabricHost.Ask());

        var error = await refused.Error(403);
        Assert.Equal("host_not_allowed", (string)error["code"]!);
        Assert.Contains("Policy 'fence' lets this call go to *.example.com, localhost, and provider 'up' is at 127.0.0.1", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Equal(("host_not_allowed", 403), ((await _fabric.Calls.Next()) is var record ? (record.ErrorClass!, record.Status) : default));
        Assert.Empty(_upstream.Requests);
    }

    [Fact]
    public async Task A_route_goes_past_a_host_that_is_not_allowed_to_one_that_is()
    {
        using var near = await _fabric.PutProvider("near", new { kind = "openai", baseUrl = _upstream.BaseUrl.Replace("127.0.0.1", "localhost", StringComparison.Ordinal), models = new[] { "real" } });
        using var route = await _fabric.Http.PutAsJsonAsync("/admin/routes/auto", new { candidates = new[] { new { model = "up/real" }, new { model = "near/real" } } });
        await Put("fence", new { hosts = new[] { "localhost" }, alsoOnThisMachine = true });
        using var answered = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal((HttpStatusCode.OK, "near/real"), (answered.StatusCode, answered.Headers.GetValues("x-agentplatform-model").Single()));
        Assert.Equal("host_not_allowed", Assert.Single((await _fabric.Calls.Next()).Before!).ErrorClass);
    }

    [Fact]
    public async Task A_policy_holds_for_the_principal_and_the_models_it_names_and_for_no_other_call()
    {
        await Put("fence", new { principal = "agent", models = "up/r*", hosts = Array.Empty<string>(), alsoOnThisMachine = true });
        using var owner = await _fabric.Chat(FabricHost.Ask());
        using var agent = await _fabric.As("agent").PostAsync("/v1/chat/completions", new StringContent(FabricHost.Ask(), Encoding.UTF8, "application/json"));
        await Put("fence", new { principal = "agent", models = "down/*", hosts = Array.Empty<string>(), alsoOnThisMachine = true });
        using var spared = await _fabric.As("agent").PostAsync("/v1/chat/completions", new StringContent(FabricHost.Ask(), Encoding.UTF8, "application/json"));

        Assert.Equal((200, 403, 200), ((int)owner.StatusCode, (int)agent.StatusCode, (int)spared.StatusCode));
    }

    [Fact]
    public async Task What_a_rule_finds_does_not_leave_in_any_format_and_the_rest_stays_the_callers_bytes()
    {
        await Put("clean", new { redact = new[] { Addresses, new { name = "project", pattern = "(?i)blue ?bird" } }, alsoOnThisMachine = true });
        const string Body = """{ "model" : "up/real", "messages":[{"role":"user","content":"Write to ann\u0040example.org about BlueBird,  \u00e9"}],"max_tokens":5 ,"metadata":{"blue bird":"b@c.de f@g.hi"}}""";
        using var chat = await _fabric.Chat(Body);
        var record = await _fabric.Calls.Next();
        using var messages = await _fabric.Messages("""{"model":"up/real","max_tokens":5,"messages":[{"role":"user","content":"ann@example.org"}]}""");

        Assert.True(chat.IsSuccessStatusCode && messages.IsSuccessStatusCode);
        Assert.Equal("""{ "model" : "real", "messages":[{"role":"user","content":"Write to [address] about [project],  é"}],"max_tokens":5 ,"metadata":{"[project]":"[address] [address]"}}""", _upstream.Requests.First().Text);
        Assert.Equal(5, record.Redactions);
        Assert.Contains("[address]", _upstream.Requests.Last().Text, StringComparison.Ordinal);
        Assert.DoesNotContain("example.org", _upstream.Requests.Last().Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_without_a_finding_is_the_same_bytes_and_a_models_name_is_never_touched()
    {
        var body = Encoding.UTF8.GetBytes("""{"model":"up/real","messages":[{"role":"user","content":"a \"real\" \\ \u00e9 thing"}]}""");
        var request = CallRequest.Parse(ChatFormat.Instance, body);

        Assert.Equal(0, RedactTexts.From(request, [new RedactionRule("x", "up/.*"), new RedactionRule("y", "nothing")]).Findings);
        Assert.True(RedactTexts.From(request, [new RedactionRule("x", "up/.*")]).Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task Sound_cannot_be_looked_through_and_does_not_leave_where_texts_are_taken_out()
    {
        await Put("clean", new { redact = new[] { Addresses }, alsoOnThisMachine = true });
        using var form = new MultipartFormDataContent { { new StringContent("up/real"), "model" }, { new ByteArrayContent([1, 2, 3]), "file", "a.wav" } };
        using var refused = await _fabric.Http.PostAsync("/v1/audio/transcriptions", form);

        Assert.Equal("not_redactable", (string)(await refused.Error(403))["code"]!);
        Assert.Empty(_upstream.Requests);
    }

    [Theory]
    [InlineData(null, true, "not_redactable")]
    [InlineData("allow", true, null)]
    [InlineData("local_only", true, null)]
    [InlineData("refuse", true, "media_not_allowed")]
    [InlineData("refuse", false, "media_not_allowed")]
    public async Task Images_and_documents_go_where_the_policy_lets_them_and_texts_go_in_any_case(string? media, bool redacts, string? refusal)
    {
        await Put("eyes", new { redact = redacts ? new[] { Addresses } : null, media, alsoOnThisMachine = true });
        using var text = await _fabric.Chat(FabricHost.Ask());
        using var image = await _fabric.Chat("""{"model":"up/real","messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"https://x.example/a.png"}}]}]}""");
        using var inlined = await _fabric.Chat("""{"model":"up/real","messages":[{"role":"user","content":[{"type":"new_kind","new_kind":"data:image/png;base64,AAAA"}]}]}""");
        using var paper = await _fabric.Messages("""{"model":"up/real","max_tokens":5,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]}]}""");

        Assert.Equal(HttpStatusCode.OK, text.StatusCode);
        foreach (var response in new[] { image, inlined, paper })
        {
            var said = await response.Content.ReadAsStringAsync();
            Assert.Equal(refusal is not null, response.StatusCode == HttpStatusCode.Forbidden && said.Contains("Policy 'eyes'", StringComparison.Ordinal));
        }
        for (var n = 0; n < 4; n++)
        {
            await _fabric.Calls.Next();
        }
        Assert.Equal(refusal is null ? 0 : 3, (await _fabric.Calls.Latest(4, default)).Count(record => record.ErrorClass is { } error && error == refusal));
        Assert.Equal(refusal is null, _upstream.Requests.Any(request => request.Text.Contains("image_url", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(MediaRule.LocalOnly, false, false)]
    [InlineData(MediaRule.LocalOnly, true, true)]
    [InlineData(MediaRule.Refuse, true, false)]
    [InlineData(MediaRule.Allow, false, true)]
    [InlineData(null, false, false)]
    [InlineData(null, true, true)]
    public void Images_of_a_policy_that_takes_texts_out_leave_the_machine_only_when_it_says_so(MediaRule? media, bool isLocal, bool allowed) =>
        Assert.Equal(allowed, new CallPolicy("p", Redact: [new RedactionRule("x", "y")], Media: media).AllowsMedia(isLocal));

    [Fact]
    public async Task A_policy_is_written_in_yaml_too_and_tried_on_a_text_before_anything_is_sent()
    {
        using var yaml = new StringContent("models: up/*\nredact:\n  - name: address\n    pattern: '[\\w.]+@[\\w.]+'   # of anybody\nmedia: local_only\n", Encoding.UTF8, "application/yaml");
        using var put = await _fabric.Http.PutAsync("/admin/policies/clean", yaml);
        using var wrong = await _fabric.Http.PutAsync("/admin/policies/clean", new StringContent("redact: [", Encoding.UTF8, "application/yaml"));
        using var tried = await _fabric.As("operator").PostAsJsonAsync("/admin/policies/test", new { text = "ann@x.de and bob@y.de", model = "up/real", principal = "agent" });
        using var spared = await _fabric.Http.PostAsJsonAsync("/admin/policies/test", new { text = "ann@x.de", model = "down/real" });

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.BadRequest), (put.StatusCode, wrong.StatusCode));
        Assert.Equal("""{"policies":["clean"],"text":"[address] and [address]","found":[{"policy":"clean","rule":"address","count":2}],"media":false}""", await tried.Content.ReadAsStringAsync());
        Assert.Equal("ann@x.de", (string)(await spared.Json())["text"]!);
        Assert.Empty(_upstream.Requests);
    }

    [Theory]
    [InlineData("""{"redact":[{"name":"x","pattern":"("}]}""", "cannot be used")]
    [InlineData("""{"redact":[{"name":"x","pattern":"(a)\\1"}]}""", "cannot be used")]
    [InlineData("""{"redact":[{"name":"x","pattern":"a*"}]}""", "everywhere")]
    [InlineData("""{"redact":[{"name":"X Y","pattern":"a"}]}""", "lower-case")]
    [InlineData("""{"cacheSeconds":0}""", "between 1")]
    [InlineData("""{"hosts":[""]}""", "1 to 255")]
    public async Task A_policy_that_cannot_hold_is_refused_with_the_remedy(string body, string named)
    {
        using var response = await _fabric.Http.PutAsync("/admin/policies/p", new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(named, (string)(await response.Json())["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_is_set_shown_and_removed_by_owners_only()
    {
        using var denied = await _fabric.As("operator").PutAsJsonAsync("/admin/policies/p", new { keepTexts = true });
        using var created = await _fabric.Http.PutAsJsonAsync("/admin/policies/p", new { keepTexts = true });
        var listed = JsonNode.Parse(await _fabric.As("operator").GetStringAsync("/admin/policies"))!["policies"]!.AsArray();
        using var removed = await _fabric.Http.DeleteAsync("/admin/policies/p");
        using var gone = await _fabric.Http.GetAsync("/admin/policies/p");

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Created, HttpStatusCode.NoContent, HttpStatusCode.NotFound), (denied.StatusCode, created.StatusCode, removed.StatusCode, gone.StatusCode));
        Assert.True((bool)Assert.Single(listed)!["keepTexts"]!);
    }

    private async Task Put(string name, object body)
    {
        using var response = await _fabric.Http.PutAsJsonAsync($"/admin/policies/{name}", body);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}
