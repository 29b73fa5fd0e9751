using System.Runtime.CompilerServices;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing.Streams;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Secrets;
using AgentPlatform.ToolGateway.Tests.Invocations;

namespace AgentPlatform.ToolGateway.Tests.Streams;

/// <summary>Invocations of the past, folded by today's code. How to record: <see cref="RecordedStreams"/>.</summary>
public sealed class RecordedStreamsTests
{
    private static readonly RecordedStreams Recorded = new(EventTypes.Of(typeof(InvocationEvent), typeof(PolicyEvent), typeof(TaintEvent), typeof(GrantEvent), typeof(McpServerEvent), typeof(SecretEvent)), Folder());
    private static readonly InvocationEvent.Requested Requested = new(Story.Call with { TimeoutSeconds = 1.5, Idempotent = true }, "probe.run@1", "ab12", Story.Noon);
    private static readonly InvocationEvent.Started Started = new(1, Story.Noon);

    public static TheoryData<string, object[]> Streams => new()
    {
        {
            "invocation-2026-11-approved",
            [
                Requested,
                new InvocationEvent.Decided(new VerdictView(Verdict.Ask, "probe", "changes what others see"), Story.Noon),
                new InvocationEvent.ApprovalAsked(RequestId.Parse("0199e0a4-0000-7000-8000-000000000004", null), "ab12", Story.Noon),
                new InvocationEvent.Approved("ann", "ab12", Story.Noon.AddSeconds(1)),
                Started,
                Started with { Attempt = 2 },
                new InvocationEvent.Settled(2, new ToolOutcome(ToolOutcomeStatus.Completed, Story.Json("""{"text":"x"}"""), [new Artifact("a/b.txt", "cd34", 5, "text/plain")], null, 12.5), Story.Noon.AddSeconds(2)),
            ]
        },
        {
            "invocation-2026-11-cancelled",
            [
                Requested with { Call = Story.Call with { Run = null, Task = null } },
                new InvocationEvent.Decided(new VerdictView(Verdict.Allow, "probe", "reads only"), Story.Noon),
                Started,
                new InvocationEvent.CancelAsked("the run was stopped", Story.Noon),
                new InvocationEvent.Settled(1, new ToolOutcome(ToolOutcomeStatus.Cancelled, Story.Json("null"), [], new ToolError("cancelled", "the run was stopped", false), 0), Story.Noon),
            ]
        },
        {
            "invocation-2026-11-edited",
            [
                Requested,
                new InvocationEvent.Decided(new VerdictView(Verdict.Ask, "tainted-shell", "content from outside"), Story.Noon, Policy: 3, Tainted: true),
                new InvocationEvent.ApprovalAsked(RequestId.Parse("0199e0a4-0000-7000-8000-000000000004", null), "ab12", Story.Noon),
                new InvocationEvent.Edited("ann", Story.Json("""{"text":"better"}"""), "ef56", Story.Noon.AddSeconds(1)),
                new InvocationEvent.Approved("ann", "ef56", Story.Noon.AddSeconds(1)),
            ]
        },
        {
            "invocation-2026-11-confined",
            [
                Requested,
                new InvocationEvent.Decided(new VerdictView(Verdict.Allow, "shell", "confined"), Story.Noon),
                Started,
                new InvocationEvent.Settled(
                    1, new ToolOutcome(ToolOutcomeStatus.Completed, Story.Json("""{"exit_code":0}"""), [], null, 3.5, ["files: landlock abi 7", "syscalls: seccomp", "identity: user 40001"]), Story.Noon),
            ]
        },
        { "policy-2026-11", [new PolicyEvent.Set("rules: []", "ab12", "ann", Story.Noon)] },
        { "taint-2026-11", [new TaintEvent.CameIn(Story.Call.Invocation, "web.fetch@1", Story.Noon)] },
        {
            "grant-2026-11-used",
            [
                new GrantEvent.Given(
                    GrantId, new GrantScope(["files.*"], ["run/*"], ["developer"], Story.Call.Run, "write", ["out/**"], ["*.example.org"], Tainted: true), "for the report", "ann", Story.Noon,
                    Story.Noon.AddHours(1), 3, GrantId),
                new GrantEvent.Used(Story.Call.Invocation, Story.Noon),
                new GrantEvent.Revoked("bob", Story.Noon.AddMinutes(1)),
            ]
        },
        {
            "grant-2026-11-expired",
            [new GrantEvent.Given(GrantId, new GrantScope(["files.read"]), "always", "ann", Story.Noon, null, null, null), new GrantEvent.Expired(Story.Noon)]
        },
        {
            "mcp-server-2026-11-approved",
            [
                new McpServerEvent.Configured(
                    "one", new McpServerEntry("node", ["server.js"], new Dictionary<string, McpValue> { ["KEY"] = new(null, "one-key", "Bearer ") }, "/srv", null, new Dictionary<string, McpValue>(), true), "ann", Story.Noon),
                new McpServerEvent.ToolPinned(Definition("Counts.", "ab12"), Story.Noon),
                new McpServerEvent.ToolDrifted(Definition("Counts more.", "cd34"), "ab12", Story.Noon.AddMinutes(1)),
                new McpServerEvent.ToolApproved("count", "cd34", "bob", Story.Noon.AddMinutes(2)),
            ]
        },
        {
            "mcp-server-2026-11-confined",
            [
                new McpServerEvent.Configured(
                    "three", new McpServerEntry("npx", ["-y", "server"], new Dictionary<string, McpValue>(), null, null, new Dictionary<string, McpValue>(), false,
                        new McpSandbox(["/srv/read"], ["/srv/write"], NetworkAccess.Hosts, [], ["registry.npmjs.org"])), "ann", Story.Noon),
            ]
        },
        {
            "mcp-server-2026-11-removed",
            [
                new McpServerEvent.Configured(
                    "two", new McpServerEntry(null, [], new Dictionary<string, McpValue>(), null, "https://mcp.example.org/", new Dictionary<string, McpValue> { ["X"] = new("y", null, null) }, false), "ann", Story.Noon),
                new McpServerEvent.Removed("bob", Story.Noon),
            ]
        },
        {
            "mcp-server-2026-11-offers",
            [
                new McpServerEvent.Configured(
                    "four", new McpServerEntry(null, [], new Dictionary<string, McpValue>(), null, "https://mcp.example.org/", new Dictionary<string, McpValue>(), false), "ann", Story.Noon),
                new McpServerEvent.Offers(["resources:list", "resources:read"], Story.Noon),
            ]
        },
        {
            "mcp-server-2026-11-login",
            [
                new McpServerEvent.Configured(
                    "five", new McpServerEntry(null, [], new Dictionary<string, McpValue>(), null, "https://mcp.example.org/", new Dictionary<string, McpValue>(), false, null,
                        new McpOAuth("gateway", new McpValue(null, "five-secret", null), ["read"], "https://gateway.example.org/client.json", ["login.example.org"])), "ann", Story.Noon),
                new McpServerEvent.LoginWanted(RequestId.Parse("0199e0a4-0000-7000-8000-000000000004", null), Story.Noon.AddMinutes(10), Story.Noon),
                new McpServerEvent.LoginEnded(RequestId.Parse("0199e0a4-0000-7000-8000-000000000004", null), "somebody signed in", Story.Noon.AddMinutes(1)),
            ]
        },
        { "secret-2026-11", [new SecretEvent.Set("one", "sha256:0123abcd", "ann", Story.Noon), new SecretEvent.Removed("one", "bob", Story.Noon)] },
    };

    private static McpToolDefinition Definition(string description, string hash) =>
        new("count", "Count", description, Story.Json("""{"type":"object"}"""), false, true, null, null, hash);

    private static GrantId GrantId => GrantId.Parse("0199e0a4-0000-7000-8000-000000000009", null);

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_of_today_is_recorded(string name, object[] events) => Assert.True(Recorded.Record(name, events), $"Record {name} once with RECORD_STREAMS=1");

    [Fact]
    public void Invocations_of_the_past_fold_to_the_states_they_had() => Assert.Empty(Recorded.Changes(Invocation.Kind).Concat(Recorded.Changes(PolicyInForce.Kind)).Concat(Recorded.Changes(Taint.Kind)).Concat(Recorded.Changes(Grant.Kind)).Concat(Recorded.Changes(McpServer.Kind)).Concat(Recorded.Changes(SecretState.Kind)));

    [Fact]
    public void Every_kind_of_event_stands_in_a_recorded_stream_and_is_read_without_loss() => Assert.Empty(Recorded.Missing().Concat(Recorded.Losses()));

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
