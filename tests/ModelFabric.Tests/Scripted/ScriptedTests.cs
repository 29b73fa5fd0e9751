using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Scripted;

public sealed class ScriptedTests : IAsyncLifetime
{
    private const string Analyst = """
        model: scripted/analyst
        turns:
          - calls: [ { tool: files.read, arguments: { path: work/figures.json, lines: 3, all: true, none: ~, text: "3" } } ]
          - text: "done {{result 0 content.total}} of {{ result 0 content.rows[1].name }}"
            calls: [ { tool: files.write, arguments: { content: "{{result 0 content.total}}", exact: "{{value 0 content.total}}" } } ]
        """;

    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _fabric = await FabricHost.Start();
        _fabric.Script("analyst", Analyst);
    }

    public ValueTask DisposeAsync() => _fabric.DisposeAsync();

    [Fact]
    public async Task A_turn_with_calls_answers_as_tool_calls_in_the_names_the_request_offers()
    {
        using var response = await _fabric.Chat(Ask("scripted/analyst"));

        var answer = await response.Json();
        Assert.Equal("scripted", (string)answer["system_fingerprint"]!);
        Assert.Equal("scripted/analyst", (string)answer["model"]!);
        Assert.Equal("tool_calls", (string)answer["choices"]![0]!["finish_reason"]!);
        var call = Assert.Single(answer["choices"]![0]!["message"]!["tool_calls"]!.AsArray())!;
        Assert.Equal(("call_0_0", "files__read"), ((string)call["id"]!, (string)call["function"]!["name"]!));
        Assert.Equal("""{"path":"work/figures.json","lines":3,"all":true,"none":null,"text":"3"}""", (string)call["function"]!["arguments"]!);
        Assert.True((bool)answer["usage"]!["estimated"]!);
        Assert.True((await _fabric.Calls.Next()).Usage!.Estimated);
    }

    [Fact]
    public async Task The_conversation_says_which_turn_is_due_and_fills_its_placeholders()
    {
        using var response = await _fabric.Chat(AfterFirstTurn("""{\"content\":{\"total\":42,\"rows\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}"""));

        var message = (await response.Json())["choices"]![0]!["message"]!;
        Assert.Equal("done 42 of b", (string)message["content"]!);
        Assert.Equal("call_1_0", (string)message["tool_calls"]![0]!["id"]!);
        Assert.Equal("""{"content":"42","exact":42}""", (string)message["tool_calls"]![0]!["function"]!["arguments"]!);
    }

    [Theory]
    [InlineData("""{\"content\":{\"total\":1,\"rows\":[]}}""", "content.rows[1]")]
    [InlineData("""{\"content\":{}}""", "content.total")]
    [InlineData("plain text", "not JSON")]
    public async Task A_placeholder_that_cannot_be_filled_is_an_error_that_names_it(string result, string named)
    {
        using var response = await _fabric.Chat(AfterFirstTurn(result));

        var error = await response.Error(400);
        Assert.Equal("script_invalid", (string)error["code"]!);
        Assert.Contains(named, (string)error["message"]!, StringComparison.Ordinal);
        Assert.Contains("{{", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Running_past_the_last_turn_is_an_error()
    {
        using var response = await _fabric.Chat("""{"model":"scripted/analyst","messages":[{"role":"assistant"},{"role":"assistant"}]}""");

        Assert.Equal("script_exhausted", (string)(await response.Error(400))["code"]!);
    }

    [Fact]
    public async Task A_tool_the_request_does_not_offer_is_an_error()
    {
        using var response = await _fabric.Chat("""{"model":"scripted/analyst","messages":[]}""");

        var error = await response.Error(400);
        Assert.Equal("script_tool_not_offered", (string)error["code"]!);
        Assert.Contains("files.read", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_request_gets_the_same_answer_on_every_instance()
    {
        await using var other = await FabricHost.Start();
        other.Script("analyst", Analyst);
        using var here = await _fabric.Chat(Ask("scripted/analyst"));
        using var there = await other.Chat(Ask("scripted/analyst"));

        var (one, two) = (await here.Json(), await there.Json());
        one["created"] = 0;
        two["created"] = 0;
        Assert.Equal(one.ToJsonString(), two.ToJsonString());
    }

    [Fact]
    public async Task A_stream_adds_up_to_the_whole_answer()
    {
        _fabric.Script("long", """
            model: scripted/long
            turns:
              - text: "A sentence that is long enough for several pieces 😀😀😀😀😀😀😀😀😀😀😀😀, and its end."
                calls:
                  - { tool: files.read, arguments: { path: a/rather/long/path/that/takes/more/than/one/piece.json } }
                  - { tool: files__write, arguments: {} }
                delay_ms: 1
                chunk_delay_ms: 1
            """);
        using var whole = await _fabric.Chat(Ask("scripted/long"));
        using var streamed = await _fabric.Chat(Ask("scripted/long").Replace("\"messages\"", "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\"", StringComparison.Ordinal));

        var message = (await whole.Json())["choices"]![0]!["message"]!;
        var events = await streamed.Events();
        Assert.Equal("[DONE]", events[^1]);
        var chunks = events[..^1].Select(text => JsonNode.Parse(text)!).ToArray();
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", (string)chunk["object"]!));
        Assert.NotNull(chunks[^1]["usage"]);
        Assert.Empty(chunks[^1]["choices"]!.AsArray());
        Assert.Equal("tool_calls", (string)chunks[^2]["choices"]![0]!["finish_reason"]!);

        var deltas = chunks[..^1].Select(chunk => chunk["choices"]![0]!["delta"]!).ToArray();
        Assert.Equal("assistant", (string)deltas[0]["role"]!);
        Assert.Equal((string)message["content"]!, string.Concat(deltas.Select(delta => (string?)delta["content"])));
        for (var index = 0; index < 2; index++)
        {
            var parts = deltas.Select(delta => delta["tool_calls"]?[0]).Where(part => (int?)part?["index"] == index).ToArray();
            var wanted = message["tool_calls"]![index]!;
            Assert.Equal((string)wanted["id"]!, (string)Assert.Single(parts, part => part!["id"] is not null)!["id"]!);
            Assert.Equal((string)wanted["function"]!["name"]!, (string)parts[0]!["function"]!["name"]!);
            Assert.Equal((string)wanted["function"]!["arguments"]!, string.Concat(parts.Select(part => (string)part!["function"]!["arguments"]!)));
        }
    }

    [Fact]
    public async Task A_runs_own_script_comes_before_the_shared_one()
    {
        var run = Guid.CreateVersion7();
        Directory.CreateDirectory(Path.Combine(_fabric.WorkspaceFolder(run), "models"));
        await File.WriteAllTextAsync(Path.Combine(_fabric.WorkspaceFolder(run), "models", "analyst.yaml"), "model: scripted/analyst\nturns: [ { text: mine } ]");
        using var mine = await _fabric.Chat(Ask("scripted/analyst"), ("x-agentplatform-workspace", run.ToString()));
        using var shared = await _fabric.Chat(Ask("scripted/analyst"), ("x-agentplatform-workspace", Guid.CreateVersion7().ToString()));

        Assert.Equal("mine", (string)(await mine.Json())["choices"]![0]!["message"]!["content"]!);
        Assert.NotNull((await shared.Json())["choices"]![0]!["message"]!["tool_calls"]);
    }

    [Fact]
    public async Task A_script_in_a_workspace_is_never_a_link_to_elsewhere()
    {
        var run = Guid.CreateVersion7();
        Directory.CreateDirectory(Path.Combine(_fabric.WorkspaceFolder(run), "models"));
        File.CreateSymbolicLink(Path.Combine(_fabric.WorkspaceFolder(run), "models", "linked.yaml"), Path.Combine(_fabric.ScriptFolder, "analyst.yaml"));
        using var response = await _fabric.Chat(Ask("scripted/linked"), ("x-agentplatform-workspace", run.ToString()));

        await response.Error(404);
    }

    [Theory]
    [InlineData("scripted/../analyst")]
    [InlineData("scripted/..")]
    [InlineData("scripted//etc/passwd")]
    public async Task A_name_that_is_a_path_finds_nothing(string model)
    {
        using var response = await _fabric.Chat(Ask(model));

        await response.Error(404);
    }

    [Fact]
    public async Task A_workspace_that_is_no_guid_is_refused()
    {
        using var response = await _fabric.Chat(Ask("scripted/analyst"), ("x-agentplatform-workspace", "../../etc"));

        Assert.Equal("invalid_workspace", (string)(await response.Error(400))["code"]!);
    }

    [Theory]
    [InlineData("model: scripted/bad\nturns:\n  - txt: a", "line 3", "txt")]
    [InlineData("model: scripted/other\nturns: []", "scripted/other", "scripted/bad")]
    [InlineData("model: scripted/bad\nturns: [ { text: a, delay_ms: 99999999 } ]", "delay_ms", "DelayMax")]
    [InlineData("model: [", "not YAML", "line")]
    [InlineData("model: scripted/bad\nturns: [ {} ]", "text", "calls")]
    public async Task A_file_that_is_no_script_is_refused_with_line_and_remedy(string yaml, string first, string second)
    {
        _fabric.Script("bad", yaml);
        using var response = await _fabric.Chat(Ask("scripted/bad"));

        var error = await response.Error(400);
        Assert.Equal("script_invalid", (string)error["code"]!);
        Assert.Contains(first, (string)error["message"]!, StringComparison.Ordinal);
        Assert.Contains(second, (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Aliases_cannot_blow_a_script_up()
    {
        var bomb = "model: scripted/bomb\nturns:\n  - calls:\n      - tool: files.read\n        arguments:\n          l0: &l0 [x,x,x,x,x,x,x,x,x,x]\n"
            + string.Concat(Enumerable.Range(1, 9).Select(i => $"          l{i}: &l{i} [{string.Join(',', Enumerable.Repeat($"*l{i - 1}", 10))}]\n"));
        _fabric.Script("bomb", bomb);
        using var response = await _fabric.Chat(Ask("scripted/bomb"));

        Assert.Contains("NodesMax", (string)(await response.Error(400))["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scripts_are_listed_as_what_they_are()
    {
        var list = JsonNode.Parse(await _fabric.Http.GetStringAsync("/v1/models"))!["data"]!.AsArray();

        Assert.Equal("""{"id":"scripted/analyst","object":"model","created":0,"owned_by":"scripted"}""", Assert.Single(list)!.ToJsonString());
    }

    private const string Tools = """ "tools":[{"type":"function","function":{"name":"files__read"}},{"type":"function","function":{"name":"files__write"}}]} """;

    private static string Ask(string model) => $$"""{"model":"{{model}}","messages":[{"role":"user","content":"go"}],""" + Tools;

    private static string AfterFirstTurn(string result) => $$"""
        {"model":"scripted/analyst","messages":[{"role":"user","content":"go"},{"role":"assistant","content":null},{"role":"tool","content":"{{result}}"}],
        """ + Tools;
}
