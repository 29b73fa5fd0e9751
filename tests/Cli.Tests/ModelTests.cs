using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Cli.Tests;

/// <summary>Models, routes and budgets from the command line: what is asked, and what is said of the answer.</summary>
public sealed class ModelTests
{
    private const string Provider = """{"name":"up","kind":"openai","baseUrl":"https://api.groq.com/openai/v1","models":["a","b"],"allowRemote":true,"keyFingerprint":"sha256:85dbe15d","source":"admin","preset":"groq"}""";
    private const string Route = """{"name":"auto","candidates":[{"model":"up/a","weight":3,"tier":0},{"model":"near/b","weight":1,"tier":1}],"localOnly":false,"inputPriceMax":2.5}""";
    private const string Budget = """{"name":"team","scope":"principal","window":"day","tokensMax":5000,"of":"ann"}""";

    private const string Policy = """{"name":"clean","principal":null,"models":"up/*","hosts":null,"redact":[{"name":"address","pattern":"a@b"}],"alsoOnThisMachine":false,"keepTexts":true,"cacheSeconds":60,"media":"local_only"}""";

    private static readonly Dictionary<string, string> Answers = new()
    {
        ["GET /v1/models"] = """{"object":"list","data":[{"id":"up/a","owned_by":"up"},{"id":"auto","owned_by":"route"}]}""",
        ["GET /admin/providers"] = $$"""{"providers":[{{Provider}}]}""",
        ["PUT /admin/providers/up"] = Provider,
        ["POST /admin/providers/up/test"] = """{"provider":"up","model":"a","ok":false,"checks":[{"check":"answer","ok":true,"milliseconds":12.4,"detail":"answered"},{"check":"stream","ok":false,"milliseconds":3,"detail":"no end"}]}""",
        ["GET /admin/usage"] = """{"usage":[{"of":{"provider":"up","model":"a"},"calls":2,"failed":1,"inputTokens":7,"cachedTokens":0,"outputTokens":3,"money":0.0037,"unpriced":0,"estimated":0}],"more":false}""",
        ["GET /admin/routes"] = $$"""{"routes":[{{Route}}]}""",
        ["PUT /admin/routes/auto"] = Route,
        ["POST /admin/routes/explain"] = """{"route":"auto","candidates":[{"model":"near/b","verdict":"chosen","why":"the only one that fits in tier 1"},{"model":"up/a","verdict":"excluded","why":"local only"}]}""",
        ["GET /admin/budgets"] = $$"""{"budgets":[{{Budget}}]}""",
        ["GET /admin/budgets/team"] = """{"budget":BUDGET,"spent":[{"counter":"team|2026-11-21|ann","tokens":10,"money":0.5,"tokensReserved":4,"moneyReserved":0}]}""".Replace("BUDGET", Budget, StringComparison.Ordinal),
        ["PUT /admin/budgets/team"] = Budget,
        ["GET /admin/policies"] = $$"""{"policies":[{{Policy}}]}""",
        ["GET /admin/policies/clean"] = Policy,
        ["PUT /admin/policies/clean"] = Policy,
        ["POST /admin/policies/test"] = """{"policies":["clean"],"text":"[address] wrote","found":[{"policy":"clean","rule":"address","count":1}],"media":false}""",
    };

    [Theory]
    [InlineData("up/a\tup\nauto\troute", 0, "models", "list")]
    [InlineData("up\tgroq\thttps://api.groq.com/openai/v1\ta, b\tyes\tsha256:85dbe15d", 0, "models", "providers")]
    [InlineData("answer\tyes\t12\tanswered\nstream\tno\t3\tno end", 1, "models", "test", "up")]
    [InlineData("up a\t2\t1\t7\t0\t3\t0.0037\t0", 0, "models", "usage")]
    [InlineData("up is taken away", 0, "models", "remove", "up")]
    [InlineData("auto\tup/a=3, near/b\tno\t2.5 / -\t-", 0, "routes", "list")]
    [InlineData("near/b\tchosen\tthe only one that fits in tier 1\nup/a\texcluded\tlocal only", 0, "routes", "explain", "auto")]
    [InlineData("auto is taken away", 0, "routes", "remove", "auto")]
    [InlineData("team\tprincipal ann\tday\t5000\t-", 0, "budgets", "list")]
    [InlineData("team\tprincipal ann\tday\t5000\t-\nteam|2026-11-21|ann\t10\t4\t0.5\t0", 0, "budgets", "show", "team")]
    [InlineData("team is taken away", 0, "budgets", "remove", "team")]
    [InlineData("clean\tall\tup/*\tany\taddress\tlocal_only\ttexts, answers 60 s", 0, "policies", "list")]
    [InlineData("clean\taddress\t1\n[address] wrote", 0, "policies", "test", "--text", "a@b wrote")]
    [InlineData("clean is taken away", 0, "policies", "remove", "clean")]
    public async Task What_there_is_is_told_in_lines(string lines, int code, params string[] command)
    {
        await using var fabric = await FakeFabric.Start();
        var said = await AgentCtl.Run(fabric.Environment, command);

        Assert.Equal((code, lines), (said.ExitCode, said.Output.Trim()));
    }

    [Theory]
    [InlineData("""PUT /admin/providers/up {"kind":null,"preset":"groq","baseUrl":null,"models":["a","b"],"key":"key-of-nobody","allowRemote":true,"concurrentCallsMax":4,"callsPerMinuteMax":60}""",
        "models", "add", "up", "--preset", "groq", "--model", "a", "--model", "b", "--key-stdin", "--allow-remote", "--concurrent-calls-max", "4", "--calls-per-minute-max", "60")]
    [InlineData("""PUT /admin/providers/up {"kind":"openai","preset":null,"baseUrl":"http://localhost:1/v1","models":null,"key":null,"allowRemote":false,"concurrentCallsMax":null}""",
        "models", "add", "up", "--kind", "openai", "--base-url", "http://localhost:1/v1")]
    [InlineData("""PUT /admin/routes/auto {"candidates":[{"model":"up/a","weight":3,"tier":0},{"model":"far/b","weight":1,"tier":0},{"model":"near/c:7b","weight":1,"tier":1}],"localOnly":true,"inputPriceMax":2.5,"outputPriceMax":null,"firstTokenWithinSeconds":1.5}""",
        "routes", "set", "auto", "up/a=3", "far/b=1", "near/c:7b", "--local-only", "--input-price-max", "2.5", "--first-token-within", "1.5")]
    [InlineData("""POST /admin/routes/explain {"request":{"model":"auto","messages":[{"role":"user","content":"hi"}]},"run":null,"localOnly":true}""", "routes", "explain", "auto", "--text", "hi", "--local-only")]
    [InlineData("""PUT /admin/budgets/team {"scope":"principal","window":"total","tokensMax":5000,"moneyMax":2.5,"of":"ann"}""",
        "budgets", "set", "team", "--scope", "principal", "--of", "ann", "--window", "total", "--tokens", "5000", "--money", "2.5")]
    public async Task What_is_wanted_is_asked_for_in_the_services_words(string asked, params string[] command)
    {
        await using var fabric = await FakeFabric.Start();
        var said = await AgentCtl.RunWith("key-of-nobody\n", fabric.Environment, command);

        Assert.Equal((0, ""), (said.ExitCode, said.Error));
        // What is not given may be left out or be null: the service reads both alike.
        Assert.Equal(Told(asked), Told(Assert.Single(fabric.Asked)));
        Assert.DoesNotContain("key-of-nobody", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_goes_to_the_service_as_it_was_written_and_comes_back_as_set_takes_it()
    {
        await using var fabric = await FakeFabric.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "models: up/*   # all of them\nmedia: local_only\n", TestContext.Current.CancellationToken);
        var set = await AgentCtl.Run(fabric.Environment, "policies", "set", "clean", file);
        var shown = await AgentCtl.Run(fabric.Environment, "policies", "show", "clean");
        File.Delete(file);

        Assert.Equal((0, 0), (set.ExitCode, shown.ExitCode));
        Assert.Equal("PUT /admin/policies/clean models: up/*   # all of them\nmedia: local_only\n", fabric.Asked.First());
        Assert.Equal(["models", "redact", "alsoOnThisMachine", "keepTexts", "cacheSeconds", "media"], System.Text.Json.Nodes.JsonNode.Parse(shown.Output)!.AsObject().Select(property => property.Key));
    }

    [Theory]
    [InlineData("Give --preset or --kind", "models", "add", "up")]
    [InlineData("There is no file", "models", "add", "up", "--kind", "openai", "--key-file", "nowhere")]
    [InlineData("exclude each other", "models", "add", "up", "--kind", "openai", "--key-file", "nowhere", "--key-stdin")]
    [InlineData("a weight is a positive whole number", "routes", "set", "auto", "up/a=x")]
    [InlineData("Give --tokens, --money or both", "budgets", "set", "team")]
    [InlineData("There is no file", "policies", "set", "clean", "nowhere.yaml")]
    [InlineData("Give --text or --file", "policies", "test")]
    [InlineData("yearly", "budgets", "set", "team", "--window", "yearly", "--tokens", "1")]
    public async Task Wrong_use_is_said_and_nothing_is_asked(string why, params string[] command)
    {
        await using var fabric = await FakeFabric.Start();
        var said = await AgentCtl.Run(fabric.Environment, command);

        Assert.Equal(2, said.ExitCode);
        Assert.Contains(why, said.Error + said.Output, StringComparison.Ordinal);
        Assert.Empty(fabric.Asked);
    }

    [Theory]
    [InlineData("models", "list", "providers", "add", "test", "remove", "usage")]
    [InlineData("routes", "list", "set", "explain", "remove")]
    [InlineData("budgets", "list", "show", "set", "remove")]
    [InlineData("policies", "list", "show", "set", "test", "remove")]
    public async Task Help_names_every_command_and_each_explains_itself(string noun, params string[] verbs)
    {
        var all = (await AgentCtl.Run(new Dictionary<string, string>(), noun, "--help")).Output;
        var last = await AgentCtl.Run(new Dictionary<string, string>(), noun, verbs[^1], "--help");

        Assert.All(verbs, verb => Assert.Contains($"  {verb} ", all, StringComparison.Ordinal));
        Assert.Equal(0, last.ExitCode);
        Assert.Contains("Description:", last.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_the_services_document()
    {
        await using var fabric = await FakeFabric.Start();
        var said = await AgentCtl.Run(fabric.Environment, "budgets", "show", "team", "--json");

        Assert.Equal(Answers["GET /admin/budgets/team"], System.Text.Json.Nodes.JsonNode.Parse(said.Output)!.ToJsonString());
    }

    private static string Told(string asked)
    {
        var at = asked.IndexOf('{', StringComparison.Ordinal);
        var body = System.Text.Json.Nodes.JsonNode.Parse(asked[at..])!.AsObject();
        foreach (var absent in body.Where(property => property.Value is null).Select(property => property.Key).ToArray())
        {
            body.Remove(absent);
        }

        return asked[..at] + body.ToJsonString();
    }

    private sealed class FakeFabric : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private FakeFabric()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.Run(async http =>
            {
                using var body = new StreamReader(http.Request.Body);
                var route = $"{http.Request.Method} {http.Request.Path}";
                Asked.Enqueue($"{route} {await body.ReadToEndAsync()}");
                if (http.Request.Method == "DELETE")
                {
                    http.Response.StatusCode = StatusCodes.Status204NoContent;
                    return;
                }

                http.Response.ContentType = "application/json";
                await http.Response.WriteAsync(Answers[route]);
            });
        }

        public ConcurrentQueue<string> Asked { get; } = new();

        public Dictionary<string, string> Environment => new(StringComparer.Ordinal) { ["AGENTPLATFORM_MODELFABRIC_URL"] = _app.Urls.First(), ["AGENTPLATFORM_TOKEN"] = "token" };

        public static async Task<FakeFabric> Start()
        {
            var fabric = new FakeFabric();
            await fabric._app.StartAsync(TestContext.Current.CancellationToken);
            return fabric;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
