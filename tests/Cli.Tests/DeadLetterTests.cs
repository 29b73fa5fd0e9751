using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Cli.Tests;

public sealed class DeadLetterTests
{
    private static readonly Guid OfTools = Guid.Parse("0199e0a4-0000-7000-8000-000000000011");
    private static readonly Guid OfAudit = Guid.Parse("0199e0a4-0000-7000-8000-000000000012");
    private static readonly Guid Retried = Guid.Parse("0199e0a4-0000-7000-8000-000000000013");

    [Fact]
    public async Task Every_service_is_asked_and_every_page_is_turned()
    {
        await using var platform = await FakeServices.Start();

        var said = await AgentCtl.Run(platform.Environment, "dead-letters", "list");

        Assert.Equal(0, said.ExitCode);
        Assert.Equal(
            [$"{OfTools}\ttoolgateway\twaiting", $"{Retried}\ttoolgateway\twaiting", $"{OfAudit}\taudit\twaiting"],
            said.Output.Trim().Split('\n').Select(line => string.Join('\t', line.Split('\t')[..3])));
        Assert.Contains("GET toolgateway/v1/dead-letters?state=waiting&after=next&limit=100", platform.Asked);
    }

    [Fact]
    public async Task With_json_the_list_is_one_document_that_names_the_service()
    {
        await using var platform = await FakeServices.Start();

        var said = await AgentCtl.Run(platform.Environment, "dead-letters", "list", "--service", "audit", "--state", "all", "--json");

        using var document = JsonDocument.Parse(said.Output);
        var only = Assert.Single(document.RootElement.EnumerateArray());
        Assert.Equal(("audit", OfAudit), (only.GetProperty("service").GetString(), only.GetProperty("letter").GetProperty("id").GetGuid()));
        Assert.Equal(["GET audit/v1/dead-letters?limit=100"], platform.Asked);
    }

    [Fact]
    public async Task One_is_shown_with_its_message_and_its_stack_wherever_it_lies()
    {
        await using var platform = await FakeServices.Start();

        var said = await AgentCtl.Run(platform.Environment, "dead-letters", "show", OfAudit.ToString());

        Assert.Equal(0, said.ExitCode);
        Assert.Contains("handler in audit gave up at 2026-01-15 12:00:00Z after 5 attempts: InvalidOperationException: no", said.Output, StringComparison.Ordinal);
        Assert.Contains("\"correlationid\": \"run-1\"", said.Output, StringComparison.Ordinal);
        Assert.Contains("at Somewhere", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_is_retried_where_it_lies_and_all_are_retried_until_none_is_left_to_send()
    {
        await using var platform = await FakeServices.Start();

        var one = await AgentCtl.Run(platform.Environment, "dead-letters", "retry", OfAudit.ToString());
        Assert.Equal((0, $"{OfAudit} was sent again to handler"), (one.ExitCode, one.Output.Trim()));
        Assert.Contains($"POST audit/v1/dead-letters/{OfAudit}/retry", platform.Asked);

        var all = await AgentCtl.Run(platform.Environment, "dead-letters", "retry", "--all", "--service", "toolgateway", "--json");
        using var document = JsonDocument.Parse(all.Output);
        Assert.Equal((3, 1), (document.RootElement[0].GetProperty("retried").GetInt32(), document.RootElement[0].GetProperty("waiting").GetInt32()));
    }

    [Fact]
    public async Task An_unknown_one_and_one_that_was_retried_are_wrong_use()
    {
        await using var platform = await FakeServices.Start();

        var unknown = await AgentCtl.Run(platform.Environment, "dead-letters", "retry", Guid.Empty.ToString());
        var again = await AgentCtl.Run(platform.Environment, "dead-letters", "retry", Retried.ToString());

        Assert.Equal((2, 2), (unknown.ExitCode, again.ExitCode));
        Assert.StartsWith($"error: There is no dead letter {Guid.Empty} in orchestrator, toolgateway,", unknown.Error, StringComparison.Ordinal);
        Assert.Equal("error: it was sent again", again.Error.Trim());
    }

    [Theory]
    [InlineData("Give either the id of a dead letter or --all", "retry")]
    [InlineData("Give either the id of a dead letter or --all", "retry", "0199e0a4-0000-7000-8000-000000000011", "--all")]
    [InlineData("'x' is no id", "retry", "x")]
    [InlineData("'x' is no id", "show", "x")]
    [InlineData("'nobody' is no service; there are orchestrator", "list", "--service", "nobody")]
    public async Task Wrong_use_is_said_before_anybody_is_asked(string why, params string[] command)
    {
        await using var platform = await FakeServices.Start();

        var said = await AgentCtl.Run(platform.Environment, ["dead-letters", .. command]);

        Assert.Equal(2, said.ExitCode);
        Assert.Contains(why, said.Error, StringComparison.Ordinal);
        Assert.Empty(platform.Asked);
    }

    [Fact]
    public async Task A_service_that_does_not_answer_is_said_to_be_silent()
    {
        var platform = await FakeServices.Start();
        var environment = platform.Environment;
        await platform.DisposeAsync();

        var said = await AgentCtl.Run(environment, "dead-letters", "list");

        Assert.Equal(3, said.ExitCode);
        Assert.StartsWith("error: The platform does not answer (", said.Error, StringComparison.Ordinal);
    }

    /// <summary>Every service's dead letters, told apart by the first part of the path.</summary>
    private sealed class FakeServices : IAsyncDisposable
    {
        private static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
        private readonly WebApplication _app;
        private string _url = "";

        private FakeServices()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.Use((context, next) =>
            {
                Asked.Enqueue($"{context.Request.Method} {context.Request.Path.Value![1..]}{context.Request.QueryString}");
                return next(context);
            });
            _app.MapGet("/{service}/v1/dead-letters", (string service, string? after) => Json(service switch
            {
                "toolgateway" when after is null => new Page<DeadLetterView>([Letter(OfTools)], "next"),
                "toolgateway" => new Page<DeadLetterView>([Letter(Retried)], null),
                "audit" => new Page<DeadLetterView>([Letter(OfAudit)], null),
                _ => new Page<DeadLetterView>([], null),
            }));
            _app.MapGet("/{service}/v1/dead-letters/{id:guid}", (string service, Guid id) => (service, id) switch
            {
                ("audit", _) when id == OfAudit => Json(Detail(id)),
                ("toolgateway", _) when id == Retried => Json(Detail(id)),
                _ => Results.Text("""{"detail":"there is none"}""", "application/problem+json", statusCode: 404),
            });
            _app.MapPost("/{service}/v1/dead-letters/{id:guid}/retry", (Guid id) => id == Retried
                ? Results.Text("""{"detail":"it was sent again"}""", "application/problem+json", statusCode: 409)
                : Json(Letter(id) with { State = DeadLetterState.Retried, RetriedAt = Noon }));
            var asked = 0;
            _app.MapPost("/{service}/v1/dead-letters/retry", () => Json(Interlocked.Increment(ref asked) switch
            {
                1 => new RetriedDeadLetters(2, 2),
                2 => new RetriedDeadLetters(1, 1),
                _ => new RetriedDeadLetters(0, 1),
            }));
        }

        public ConcurrentQueue<string> Asked { get; } = new();

        public Dictionary<string, string> Environment => ServiceNames.All
            .Select(service => ($"AGENTPLATFORM_{service.ToUpperInvariant()}_URL", $"{_url}/{service}/"))
            .Append(("AGENTPLATFORM_TOKEN", "token")).ToDictionary(p => p.Item1, p => p.Item2, StringComparer.Ordinal);

        public static async Task<FakeServices> Start()
        {
            var platform = new FakeServices();
            await platform._app.StartAsync(TestContext.Current.CancellationToken);
            platform._url = platform._app.Urls.First();
            return platform;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        private static DeadLetterView Letter(Guid id) => new(id, "message", "handler", "type.1", DeadLetterState.Waiting, "InvalidOperationException: no", 5, Noon, null, null, null);

        private static DeadLetterDetail Detail(Guid id) =>
            new(Letter(id), "commands.audit.record-facts", "at Somewhere", JsonSerializer.SerializeToElement(new { correlationid = "run-1" }), null);

        private static IResult Json<T>(T value) => Results.Text(JsonSerializer.Serialize(value, ContractJson.Options), "application/json");
    }
}
