using System.Net;
using AgentPlatform.Contracts;
using AgentPlatform.Sessions.Tests.Fixtures;
using AgentPlatform.Testing;
using RestEase;

namespace AgentPlatform.Sessions.Tests.Inbox;

public sealed class InboxTests(Servers servers) : HostFixture(servers)
{
    [Fact]
    public async Task A_request_is_listed_answered_once_and_told_to_everybody()
    {
        var host = await Start();
        var told = await Listen("events.sessions.request.decided.*");
        var ask = Ask(expiresIn: null);
        await host.Send(ask);
        await host.Send(ask);
        var pending = await Pending(host, ask.Request);

        Assert.Equal((ask.CallHash, ask.Title, ask.Run, "agent-1", RequestState.Pending), (pending.CallHash, pending.Title, pending.Run, pending.AskedBy, pending.State));
        var answered = await host.Api("approver").Decide(ask.Request, new DecideRequest(Decision.Approve, "go on"));
        var again = await host.Api("owner").Decide(ask.Request, new DecideRequest(Decision.Approve));
        var conflict = await Assert.ThrowsAsync<ApiException>(() => host.Api("operator").Decide(ask.Request, new DecideRequest(Decision.Deny)));

        Assert.Equal((RequestState.Approved, "approver", "go on"), (answered.State, answered.DecidedBy, answered.Comment));
        Assert.Equal(answered, again);
        Assert.Equal(HttpStatusCode.Conflict, conflict.StatusCode);
        Assert.Empty((await host.Api("viewer").ListRequests("pending")).Items);
        Assert.Equal(ask.Request, Assert.Single((await host.Api("viewer").ListRequests("approved")).Items).Id);
        await Eventually.True(() => Task.FromResult(!told.IsEmpty), "the answer is told");
        var message = Assert.Single(told);
        Assert.Equal(("approve", ask.CallHash, ask.Request.ToString()), ((string)message["data"]!["decision"]!, (string)message["data"]!["callHash"]!, (string)message["data"]!["request"]!));
        Assert.Equal(ask.Run.ToString(), (string)message["correlationid"]!);
    }

    [Theory]
    [InlineData("viewer")]
    [InlineData("agent")]
    [InlineData("service")]
    public async Task Who_may_not_answer_is_refused_and_nothing_happens(string role)
    {
        var host = await Start();
        var ask = Ask(expiresIn: null);
        await host.Send(ask);
        await Pending(host, ask.Request);
        var refused = await Assert.ThrowsAsync<ApiException>(() => host.Api(role).Decide(ask.Request, new DecideRequest(Decision.Approve)));

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(RequestState.Pending, (await host.Api("viewer").GetRequest(ask.Request)).State);
    }

    [Fact]
    public async Task A_request_survives_a_restart_and_then_expires_as_a_no()
    {
        var told = await Listen("events.sessions.request.decided.*");
        var before = await Start();
        var (kept, expiring) = (Ask(expiresIn: null), Ask(expiresIn: TimeSpan.FromSeconds(2)));
        await before.Send(kept);
        await before.Send(expiring);
        await Pending(before, kept.Request);
        await Pending(before, expiring.Request);
        await Stop(before);
        var after = await Start();
        var expired = await Eventually.Get(() => after.Api("viewer").GetRequest(expiring.Request), view => view.State == RequestState.Expired, "expired");
        Assert.Null(expired.DecidedBy);
        var late = await Assert.ThrowsAsync<ApiException>(() => after.Api("owner").Decide(expiring.Request, new DecideRequest(Decision.Approve)));
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Equal(RequestState.Denied, (await after.Api("owner").Decide(kept.Request, new DecideRequest(Decision.Deny))).State);
        var decisions = await Eventually.Get(
            () => Task.FromResult(told.Where(message => (string)message["data"]!["request"]! is var id && (id == kept.Request.ToString() || id == expiring.Request.ToString())).Select(message => (string)message["data"]!["decision"]!).Order(StringComparer.Ordinal).ToArray()), all => all.Length == 2, "both told");
        Assert.Equal(["deny", "expired"], decisions);
    }

    [Fact]
    public async Task A_request_that_nobody_waits_for_any_more_takes_no_answer()
    {
        var host = await Start();
        var ask = Ask(expiresIn: null);
        await host.Send(ask);
        await Pending(host, ask.Request);
        await host.Send(new WithdrawRequest(ask.Request, "the run was stopped"));
        var withdrawn = await Eventually.Get(() => host.Api("viewer").GetRequest(ask.Request), view => view.State == RequestState.Withdrawn, "withdrawn");

        Assert.Equal("the run was stopped", withdrawn.Comment);
        Assert.Equal(HttpStatusCode.Conflict, (await Assert.ThrowsAsync<ApiException>(() => host.Api("owner").Decide(ask.Request, new DecideRequest(Decision.Approve)))).StatusCode);
    }

    [Fact]
    public async Task Bad_questions_are_refused_with_the_remedy()
    {
        var host = await Start();
        using var http = host.As("owner");

        Assert.Equal(HttpStatusCode.NotFound, (await Assert.ThrowsAsync<ApiException>(() => host.Api("owner").GetRequest(RequestId.New()))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Assert.ThrowsAsync<ApiException>(() => host.Api("owner").Decide(RequestId.New(), new DecideRequest(Decision.Deny)))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Assert.ThrowsAsync<ApiException>(() => host.Api("owner").Decide(RequestId.New(), new DecideRequest(Decision.Expired)))).StatusCode);
        Assert.Contains("withdrawn", await (await http.GetAsync("/v1/requests?state=open")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/v1/requests?after=nonsense")).StatusCode);
    }

    private static RequestDecision Ask(TimeSpan? expiresIn) =>
        new(RequestId.New(), RequestKind.Approval, "Push to origin?", "`git push origin topic`", "c0ffee", RunId.New(), "publish", "agent-1", DateTimeOffset.UtcNow + expiresIn);

    private static async Task<RequestView> Pending(SessionsHost host, RequestId id) =>
        (await Eventually.Get(async () => (await host.Api("viewer").ListRequests("pending")).Items, items => items.Any(item => item.Id == id), "the request is listed")).Single(item => item.Id == id);
}
