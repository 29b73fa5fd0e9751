using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Npm;

/// <summary>The official npm clients through ModelFabric to a mock that speaks every provider's format; and the mock's chaos.</summary>
public sealed class NpmClientTests
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";
    private const string Hello = "Hello from the mock, as words in a row.";

    [Fact]
    public async Task Openais_and_anthropics_clients_talk_to_all_three_kinds_of_provider()
    {
        using var folder = await NpmFolder.Open();
        await using var mock = await AiMock.Start(folder);
        await using var fabric = await FabricHost.Start();
        await Use(fabric, mock);
        var said = (await folder.Node("clients.mjs", fabric.Url.ToString().TrimEnd('/'), FabricHost.Token("agent")))
            .Select(line => JsonNode.Parse(line)!).ToDictionary(line => (string)line["check"]!, line => line["result"]!.ToJsonString());

        var wanted = new Dictionary<string, string>
        {
            ["embeddings"] = "true", ["models"] = "true", ["models for anthropic"] = "true",
            ["unknown model"] = "NotFoundError 404", ["unknown model for anthropic"] = "NotFoundError 404",
        };
        foreach (var model in (string[])["mock-openai/m", "mock-anthropic/m", "mock-gemini/m"])
        {
            wanted[$"chat {model}"] = wanted[$"responses {model}"] = wanted[$"messages {model}"] = $"\"{Hello}\"";
            wanted[$"chat stream {model}"] = $"[\"{Hello}\",\"stop\",11]";
            wanted[$"chat tools {model}"] = "\"good: dry\"";
            wanted[$"chat image and schema {model}"] = """{"cat":true}""";
            wanted[$"responses stream {model}"] = $"[true,\"{Hello}\"]";
            wanted[$"messages stream {model}"] = $"[\"{Hello}\",\"end_turn\",11]";
            wanted[$"messages tools {model}"] = """["tool_use","good: dry"]""";
            wanted[$"messages image {model}"] = "\"{\\u0022cat\\u0022:true}\"";
            wanted[$"chat error {model}"] = wanted[$"messages error {model}"] = "RateLimitError 429";
        }
        Assert.Equal(
            wanted.Select(pair => $"{pair.Key}: {pair.Value}").Order(StringComparer.Ordinal),
            said.Select(pair => $"{pair.Key}: {(pair.Value.Contains("Error ", StringComparison.Ordinal) ? string.Join(' ', pair.Value.Trim('"').Split(' ').Take(2)) : pair.Value)}").Order(StringComparer.Ordinal));
        Assert.DoesNotContain("canary", string.Concat(said.Values) + fabric.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Langchain_and_openais_agents_talk_to_all_three_kinds_of_provider_in_both_of_their_formats()
    {
        using var folder = await NpmFolder.Open();
        await using var mock = await AiMock.Start(folder);
        await using var fabric = await FabricHost.Start();
        await Use(fabric, mock);
        var said = (await folder.Node("frameworks.mjs", fabric.Url.ToString().TrimEnd('/'), FabricHost.Token("agent"))).Where(line => line.StartsWith('{'))
            .Select(line => JsonNode.Parse(line)!).Select(line => $"{line["check"]}: {line["result"]!.ToJsonString()}");

        var wanted = new List<string> { "langchain embeddings: true" };
        foreach (var model in (string[])["mock-openai/m", "mock-anthropic/m", "mock-gemini/m"])
        {
            foreach (var api in (string[])["chat", "responses"])
            {
                wanted.Add($"langchain {api} {model}: \"{Hello}\"");
                wanted.Add($"langchain {api} stream {model}: [\"{Hello}\",11]");
                wanted.Add($"agents {api} {model}: \"{Hello}\"");
                wanted.Add($"agents {api} stream {model}: [true,\"{Hello}\"]");
                foreach (var client in (string[])["langchain", "agents"])
                {
                    wanted.Add($"{client} {api} tools {model}: \"good: dry\"");
                    wanted.Add($$"""{{client}} {{api}} image and schema {{model}}: {"cat":true}""");
                    wanted.Add($"{client} {api} error {model}: \"Error 429\"");
                }
            }
        }
        Assert.Equal(wanted.Order(StringComparer.Ordinal), said.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("--chaos-malformed")]
    [InlineData("--chaos-drop")]
    [InlineData("--chaos-disconnect")]
    [InlineData("--chaos-ratelimit")]
    public async Task Whatever_the_mock_breaks_the_caller_gets_an_error_in_its_own_form(string chaos)
    {
        using var folder = await NpmFolder.Open();
        await using var mock = await AiMock.Start(folder, chaos, "1");
        await using var fabric = await FabricHost.Start(("ModelFabric:Upstream:RetriesMax", "0"), ("ModelFabric:Upstream:RetryAfterMax", "00:00:00"));
        await Use(fabric, mock);
        foreach (var model in (string[])["mock-openai/m", "mock-anthropic/m", "mock-gemini/m"])
        {
            foreach (var stream in (bool[])[false, true])
            {
                var ask = $$"""{"model":"{{model}}","max_tokens":50,"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"hello"}]}""";
                using var chat = await fabric.Chat(ask);
                using var messages = await fabric.Messages(ask);
                var (told, toldAnthropic) = (await chat.Content.ReadAsStringAsync(), await messages.Content.ReadAsStringAsync());

                Assert.True(told.Contains("\"error\":{\"message\":", StringComparison.Ordinal), $"{model} {stream}: {told}");
                Assert.True(toldAnthropic.Contains("\"type\":\"error\"", StringComparison.Ordinal), $"{model} {stream}: {toldAnthropic}");
                Assert.DoesNotContain("[DONE]", told, StringComparison.Ordinal);
                Assert.DoesNotContain("message_stop", toldAnthropic, StringComparison.Ordinal);
            }
        }
        Assert.DoesNotContain("canary", fabric.Logs.Text, StringComparison.Ordinal);
    }

    private static async Task Use(FabricHost fabric, AiMock mock)
    {
        foreach (var (name, preset, kind, path) in ((string, string?, string, string)[])
            [("mock-openai", "openai", "openai", "v1"), ("mock-anthropic", null, "anthropic", "v1"), ("mock-gemini", null, "gemini", "v1beta")])
        {
            using var put = await fabric.PutProvider(name, new { kind, preset, baseUrl = new Uri(mock.Url, path), models = new[] { "m" }, key = Key });
            put.EnsureSuccessStatusCode();
        }
    }
}
