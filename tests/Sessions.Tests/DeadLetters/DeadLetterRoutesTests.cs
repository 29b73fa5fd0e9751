using System.Net;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Sessions.Tests.Fixtures;
using AgentPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using RestEase;

namespace AgentPlatform.Sessions.Tests.DeadLetters;

/// <summary>The routes are mapped once for every service; here they are asked on one.</summary>
public sealed class DeadLetterRoutesTests(Servers servers) : HostFixture(servers)
{
    [Fact]
    public async Task Dead_letters_are_listed_for_everybody_and_shown_to_operators()
    {
        var host = await Start();
        var (id, request) = await Dead(host);

        var page = await Api(host, "viewer").List(state: "waiting", limit: 10);
        var detail = await Api(host, "operator").Show(id);

        var letter = Assert.Single(page.Items, l => l.Id == id);
        Assert.Equal((DeadLetterState.Waiting, "InvalidOperationException: it failed", 5), (letter.State, letter.Cause, letter.Attempts));
        Assert.Equal(letter, detail.Letter);
        Assert.Equal((request.ToString(), "at Somewhere"), (detail.Envelope!.Value.GetProperty("data").GetProperty("request").GetString(), detail.Stack));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(() => Api(host, "viewer").Show(id)));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(() => Api(host, "agent").Retry(id)));
        Assert.Equal(HttpStatusCode.BadRequest, await Status(() => Api(host, "viewer").List(state: "lost")));
        Assert.Equal(HttpStatusCode.BadRequest, await Status(() => Api(host, "viewer").List(after: "what")));
        Assert.Equal(HttpStatusCode.BadRequest, await Status(() => Api(host, "viewer").List(limit: 501)));
    }

    [Fact]
    public async Task A_dead_letter_is_sent_again_once_and_takes_effect()
    {
        var host = await Start();
        var (id, request) = await Dead(host);

        var retried = await Api(host, "operator").Retry(id);

        Assert.Equal((DeadLetterState.Retried, id), (retried.State, retried.Id));
        await Eventually.True(async () => (await host.Api("viewer").ListRequests("pending")).Items.Any(r => r.Id == request), "the request of the retried message");
        Assert.Equal("urn:agentplatform:problem:dead-letter-retried", await Problem(() => Api(host, "operator").Retry(id)));
        Assert.Equal("urn:agentplatform:problem:dead-letter-not-found", await Problem(() => Api(host, "operator").Retry(Guid.CreateVersion7())));
        Assert.Equal(HttpStatusCode.NotFound, await Status(() => Api(host, "operator").Show(Guid.CreateVersion7())));
    }

    [Fact]
    public async Task All_that_wait_are_sent_again()
    {
        var host = await Start();
        var first = await Dead(host);
        var second = await Dead(host);

        Assert.Equal(new RetriedDeadLetters(0, 0), await Api(host, "owner").RetryAll(new RetryDeadLetters(Type: "another")));
        Assert.Equal(new RetriedDeadLetters(2, 0), await Api(host, "owner").RetryAll(new RetryDeadLetters()));

        await Eventually.True(
            async () => (await host.Api("viewer").ListRequests("pending")).Items.Select(r => r.Id).Intersect([first.Request, second.Request]).Count() == 2, "both requests");
    }

    [Fact]
    public async Task A_dead_letter_is_discarded_with_a_reason()
    {
        var host = await Start();
        var (id, _) = await Dead(host);

        Assert.Equal("urn:agentplatform:problem:bad-reason", await Problem(() => Api(host, "operator").Discard(id, new DiscardDeadLetter(" "))));
        var discarded = await Api(host, "operator").Discard(id, new DiscardDeadLetter("nobody waits for it"));

        Assert.Equal((DeadLetterState.Discarded, "operator: nobody waits for it"), (discarded.State, discarded.DiscardedBecause));
        Assert.Equal("urn:agentplatform:problem:dead-letter-discarded", await Problem(() => Api(host, "operator").Retry(id)));
        Assert.DoesNotContain((await Api(host, "viewer").List(state: "waiting")).Items, l => l.Id == id);
    }

    private static IDeadLettersApi Api(SessionsHost host, string role) => RestClients.For<IDeadLettersApi>(host.As(role));

    private static async Task<HttpStatusCode> Status(Func<Task> call) => (await Assert.ThrowsAsync<ApiException>(call)).StatusCode;

    private static async Task<string?> Problem(Func<Task> call) =>
        JsonSerializer.Deserialize<JsonElement>((await Assert.ThrowsAsync<ApiException>(call)).Content!).GetProperty("type").GetString();

    // As if the handler had given up: what comes after that is what is tested here.
    private static async Task<(Guid Id, RequestId Request)> Dead(SessionsHost host)
    {
        var (id, request) = (Guid.CreateVersion7(), RequestId.New());
        var message = new RequestDecision(request, RequestKind.Approval, "May I?", "Please.", new string('a', 64), Run: null, Task: null, "agent-1", ExpiresAt: null);
        var envelope = new CloudEvent(
            Guid.CreateVersion7().ToString(), "/toolgateway", Subjects.TypeName(typeof(RequestDecision)), Subjects.Of(message), DateTimeOffset.UnixEpoch, null, null, null,
            JsonSerializer.SerializeToElement(message, ContractJson.Options));
        await using var bury = host.Services.GetRequiredService<PostgresEventStore>().Database.CreateCommand(
            """
            insert into ap_dead_letters (id, message_id, handler, type, subject, envelope, cause, stack, attempts)
            values ($1, $2, 'sessions_sessions_request-decision', $3, $4, $5, 'InvalidOperationException: it failed', 'at Somewhere', 5)
            """);
        foreach (var value in (object[])[id, envelope.Id, envelope.Type, envelope.Subject!, JsonSerializer.SerializeToUtf8Bytes(envelope, ContractJson.Options)])
        {
            bury.Parameters.Add(new() { Value = value });
        }

        await bury.ExecuteNonQueryAsync();
        return (id, request);
    }
}
