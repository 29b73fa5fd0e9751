using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Sessions.Inbox;
using AgentPlatform.Sessions.Live;
using AgentPlatform.Testing.Streams;

namespace AgentPlatform.Sessions.Tests.Streams;

/// <summary>Requests and sessions of the past, folded by today's code. How to record: <see cref="RecordedStreams"/>.</summary>
public sealed class RecordedStreamsTests
{
    private static readonly RecordedStreams Recorded = new(EventTypes.Of(typeof(HumanRequestEvent), typeof(SessionEvent)), Folder());
    private static readonly DateTimeOffset Noon = new(2026, 11, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly HumanRequestEvent.Asked Asked = new(
        RequestId.Parse("0199e0a4-0000-7000-8000-000000000004", null), RequestKind.Approval, "Push?", "git push", "ab12", RunId.Parse("0199e0a4-0000-7000-8000-000000000001", null), "write",
        "toolgateway", Noon, Noon.AddHours(1));

    private static readonly SessionEvent.SessionOpened Opened = new(
        SessionId.Parse("0199e0a4-0000-7000-8000-000000000005", null), SessionKind.Terminal, WorkspaceId.Parse("0199e0a4-0000-7000-8000-000000000002", null), 80, 24, "node-1", "ann", Noon);

    public static TheoryData<string, object[]> Streams => new()
    {
        { "request-2026-11-approved", [Asked, new HumanRequestEvent.Decided(Decision.Approve, "ann", "go on", Noon.AddMinutes(1))] },
        { "request-2026-11-edited", [Asked, new HumanRequestEvent.Decided(Decision.Approve, "ann", null, Noon.AddMinutes(1), RememberFor.Run, JsonSerializer.Deserialize<JsonElement>("""{"a":1}"""))] },
        { "request-2026-11-denied", [Asked with { Run = null, Task = null, ExpiresAt = null }, new HumanRequestEvent.Decided(Decision.Deny, "bob", null, Noon.AddMinutes(1)), new HumanRequestEvent.Expired(Noon)] },
        { "request-2026-11-expired", [Asked, new HumanRequestEvent.Expired(Noon.AddHours(1))] },
        { "request-2026-11-withdrawn", [Asked, new HumanRequestEvent.Withdrawn("the run was stopped", Noon.AddMinutes(1))] },
        {
            "request-2026-11-two-yeses-late",
            [Asked with { Approvals = 2, EscalatesAt = Noon.AddMinutes(10) }, new HumanRequestEvent.Seconded("ann", null, Noon.AddMinutes(1)), new HumanRequestEvent.Escalated(Noon.AddMinutes(10)), new HumanRequestEvent.Decided(Decision.Approve, "root", null, Noon.AddMinutes(11))]
        },
        { "session-2026-11-closed", [Opened, new SessionEvent.SessionClosed("the program ended", 3, "the disk is full", Noon.AddMinutes(1))] },
        { "session-2026-11-open", [Opened with { Workspace = null }] },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_of_today_is_recorded(string name, object[] events) => Assert.True(Recorded.Record(name, events), $"Record {name} once with RECORD_STREAMS=1");

    [Fact]
    public void Requests_and_sessions_of_the_past_fold_to_the_states_they_had() =>
        Assert.Empty(Recorded.Changes(HumanRequest.Stream).Concat(Recorded.Changes(SessionRecord.Stream)));

    [Fact]
    public void Every_kind_of_event_stands_in_a_recorded_stream_and_is_read_without_loss() => Assert.Empty(Recorded.Missing().Concat(Recorded.Losses()));

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
