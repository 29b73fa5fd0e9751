using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Sessions.Inbox;
using static AgentPlatform.Sessions.Inbox.HumanRequestEvent;

namespace AgentPlatform.Sessions.Tests.Inbox;

/// <summary>The inbox's decisions as stories: facts before, a command, facts after.</summary>
public sealed class InboxDecisionTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly RequestId Id = RequestId.New();
    private static readonly Asked Question = new(Id, RequestKind.Approval, "Push?", "git push", "hash", RunId.New(), "task", "agent-1", Noon, Noon.AddMinutes(5));

    [Fact]
    public void A_pending_request_is_approved_and_the_answer_carries_the_hash_of_the_question()
    {
        var (facts, outgoing) = Answer([Question], Decision.Approve, Noon);

        var fact = new Decided(Decision.Approve, "ann", "fine", Noon);
        Assert.Equal([fact], facts);
        Assert.Equal([new RequestDecided(Id, Question.Run, "task", Decision.Approve, "hash", "ann", "fine", Noon)], outgoing);
    }

    [Fact]
    public void The_same_answer_again_is_no_new_fact() => Assert.Empty(Answer([Question, new Decided(Decision.Approve, "bob", null, Noon)], Decision.Approve, Noon).Facts);

    [Fact]
    public void Another_answer_afterwards_is_a_conflict() =>
        Assert.Equal(409, Assert.Throws<ProblemException>(() => Answer([Question, new Decided(Decision.Approve, "bob", null, Noon)], Decision.Deny, Noon)).Status);

    [Fact]
    public void A_late_yes_is_never_a_yes_even_if_the_clocks_message_is_still_under_way()
    {
        var (facts, outgoing) = Answer([Question], Decision.Approve, Noon.AddMinutes(5));

        Assert.Equal([new Expired(Noon.AddMinutes(5))], facts);
        Assert.Equal(Decision.Expired, Assert.IsType<RequestDecided>(Assert.Single(outgoing)).Decision);
    }

    [Fact]
    public void Nobody_answers_their_own_request() =>
        Assert.Equal(403, Assert.Throws<ProblemException>(() => Answer([Question with { AskedBy = "ann" }], Decision.Approve, Noon)).Status);

    [Fact]
    public void An_expired_or_withdrawn_or_unknown_request_takes_no_answer()
    {
        Assert.Equal(409, Assert.Throws<ProblemException>(() => Answer([Question, new Expired(Noon)], Decision.Approve, Noon)).Status);
        Assert.Equal(409, Assert.Throws<ProblemException>(() => Answer([Question, new Withdrawn("run stopped", Noon)], Decision.Deny, Noon)).Status);
        Assert.Equal(404, Assert.Throws<ProblemException>(() => Answer([], Decision.Deny, Noon)).Status);
    }

    [Fact]
    public void Asking_twice_is_one_request_and_the_first_wording_stands()
    {
        var ask = new RequestDecision(Id, RequestKind.Approval, "Push?", "git push", "hash", Question.Run, "task", "agent-1", Noon.AddMinutes(5));
        var (facts, outgoing) = AskHuman.Handle(ask, State(), At(Noon));
        var (again, more) = AskHuman.Handle(ask with { CallHash = "another" }, State(Question), At(Noon));

        Assert.Equal([Question], facts);
        Assert.Equal([new ExpireRequest(Id).In(TimeSpan.FromMinutes(5))], outgoing);
        Assert.Empty(again);
        Assert.Empty(more);
    }

    [Fact]
    public void The_clock_expires_what_is_overdue_and_looks_again_at_what_is_not()
    {
        var (early, again) = WhenRequestIsOverdue.Handle(new ExpireRequest(Id), State(Question), At(Noon.AddMinutes(4)));
        var (late, told) = WhenRequestIsOverdue.Handle(new ExpireRequest(Id), State(Question), At(Noon.AddMinutes(5)));
        var (after, nothing) = WhenRequestIsOverdue.Handle(new ExpireRequest(Id), State(Question, new Decided(Decision.Deny, "bob", null, Noon)), At(Noon.AddMinutes(5)));

        Assert.Empty(early);
        Assert.Equal([new ExpireRequest(Id).In(TimeSpan.FromMinutes(1))], again);
        Assert.Equal([new Expired(Noon.AddMinutes(5))], late);
        Assert.Equal("clock", Assert.IsType<RequestDecided>(Assert.Single(told)).DecidedBy);
        Assert.Empty(after);
        Assert.Empty(nothing);
    }

    [Fact]
    public void Where_two_must_say_yes_one_is_not_enough_the_same_one_twice_neither_and_a_no_ends_it()
    {
        var question = Question with { Approvals = 2 };
        var (first, told) = Answer([question], Decision.Approve, Noon);
        var yes = Assert.IsType<Seconded>(Assert.Single(first));
        Assert.Equal(("ann", 0), (yes.By, told.Length));
        Assert.Empty(Answer([question, yes], Decision.Approve, Noon).Facts);

        var (second, outgoing) = AnswerRequest.Decide(new AnswerRequest(Id, Decision.Approve, null, "bob", Noon), State(question, yes));
        Assert.Equal("bob", Assert.IsType<Decided>(Assert.Single(second)).By);
        Assert.Equal(Decision.Approve, Assert.IsType<RequestDecided>(Assert.Single(outgoing)).Decision);

        var (no, _) = AnswerRequest.Decide(new AnswerRequest(Id, Decision.Deny, null, "bob", Noon), State(question, yes));
        Assert.Equal(Decision.Deny, Assert.IsType<Decided>(Assert.Single(no)).Decision);
        Assert.Equal(["ann"], HumanRequest.Show(State(question, yes))!.ApprovedBy!);
    }

    [Fact]
    public void Two_who_say_yes_say_it_to_the_same_thing()
    {
        var yes = new Seconded("bob", null, Noon, Arguments: JsonSerializer.SerializeToElement(new { path = "b" }));
        var refused = Assert.Throws<ProblemException>(() => Answer([Question with { Approvals = 2 }, yes], Decision.Approve, Noon));

        Assert.Equal(409, refused.Status);
        Assert.Contains("'bob' has said yes to other arguments", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_nobody_answers_goes_to_the_owner_before_it_ends()
    {
        var question = Question with { EscalatesAt = Noon.AddMinutes(2) };
        var (_, asked) = AskHuman.Handle(
            new RequestDecision(Id, RequestKind.Approval, "Push?", "git push", "hash", Question.Run, "task", "agent-1", Noon.AddMinutes(5), 1, Noon.AddMinutes(2)), State(), At(Noon));
        Assert.Equal([new ExpireRequest(Id).In(TimeSpan.FromMinutes(2))], asked);

        var (escalated, end) = WhenRequestIsOverdue.Handle(new ExpireRequest(Id), State(question), At(Noon.AddMinutes(2)));
        Assert.Equal([new Escalated(Noon.AddMinutes(2))], escalated);
        Assert.Equal([new ExpireRequest(Id).In(TimeSpan.FromMinutes(3))], end);

        // Whether or not the clock's message has arrived.
        HumanRequestEvent[][] befores = [[question], [question, escalated[0]]];
        Assert.All(befores, before => Assert.Equal(403, Assert.Throws<ProblemException>(() => Answer(before, Decision.Approve, Noon.AddMinutes(3))).Status));
        var (yes, _) = AnswerRequest.Decide(new AnswerRequest(Id, Decision.Approve, null, "root", Noon.AddMinutes(3), IsOwner: true), State(question, escalated[0]));
        Assert.IsType<Decided>(Assert.Single(yes));
        var (over, _) = WhenRequestIsOverdue.Handle(new ExpireRequest(Id), State(question, escalated[0]), At(Noon.AddMinutes(5)));
        Assert.IsType<Expired>(Assert.Single(over));
    }

    [Fact]
    public void A_fact_after_the_end_changes_nothing() =>
        Assert.Equal(State(Question, new Expired(Noon)), State(Question, new Expired(Noon), new Decided(Decision.Approve, "ann", null, Noon)));

    private static (HumanRequestEvent[] Facts, object[] Outgoing) Answer(HumanRequestEvent[] before, Decision decision, DateTimeOffset now) =>
        AnswerRequest.Decide(new AnswerRequest(Id, decision, "fine", "ann", now), State(before));

    private static HumanRequest State(params HumanRequestEvent[] facts) => facts.Aggregate((HumanRequest)new HumanRequest.Unknown(), HumanRequest.Evolve);

    private static MessageContext At(DateTimeOffset now) =>
        new(new CloudEvent("id", "/test", "type", null, now, null, null, null, default), Delivered: 1, now);
}
