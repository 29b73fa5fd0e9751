using System.Text.Json;

namespace AgentPlatform.Contracts.Tests;

/// <summary>One full example of everything that travels; each is recorded as <c>json/NAME.json</c>.</summary>
public static class Samples
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly RunId Run = RunId.Parse("0199e0a4-0000-7000-8000-000000000001", null);
    private static readonly GrantId Grant = GrantId.Parse("0199e0a4-0000-7000-8000-000000000009", null);
    private static readonly WorkspaceId Workspace = WorkspaceId.Parse("0199e0a4-0000-7000-8000-000000000002", null);
    private static readonly InvocationId Invocation = InvocationId.Parse("0199e0a4-0000-7000-8000-000000000003", null);
    private static readonly RequestId Request = RequestId.Parse("0199e0a4-0000-7000-8000-000000000004", null);
    private static readonly SessionId Session = SessionId.Parse("0199e0a4-0000-7000-8000-000000000005", null);
    private static readonly string Hash = string.Concat(Enumerable.Repeat("0123456789abcdef", 4));
    private static readonly Artifact File = new("out/report.md", Hash, 1234, "text/markdown");
    private static readonly ToolOutcome Completed = new(ToolOutcomeStatus.Completed, Json("""{"lines":3}"""), [File], null, 12.5);
    private static readonly ToolOutcome Failed = new(ToolOutcomeStatus.Failed, Json("{}"), [], new ToolError("timeout", "It took longer than 60 s; ask for less", Retryable: true), 60_000);

    /// <summary>Name of the recorded file → the object.</summary>
    public static IReadOnlyDictionary<string, object> All { get; } = new Dictionary<string, object>(StringComparer.Ordinal)
    {
        ["cloud-event"] = new CloudEvent(
            "0199e0a4-0000-7000-8000-0000000000ff", "/orchestrator", "agentplatform.toolgateway.cancel-invocation.1", "commands.toolgateway.cancel-invocation", Noon,
            "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", Run.ToString(), "0199e0a4-0000-7000-8000-0000000000fe", Json("""{"reason":"the run was stopped"}"""))
        {
            Sequencer = "orchestrator-0199e0a4000070008000000000000001",
            Sequence = "0000000000000000042",
            RetryFor = "toolgateway_toolgateway_cancel-invocation",
        },
        ["invoke-tool"] = new InvokeTool(Invocation, Workspace, Run, "write-report", 2, "files.write@1", Json("""{"path":"out/report.md"}"""), $"run/{Run}", "document", true, 30),
        ["invoke-tool-of-client"] = new InvokeTool(Invocation, Workspace, null, null, 1, "tickets.close", Json("{}"), "ann", "operator", false, null, new ToolClient(Json("""{"elicitation":{"form":{}},"roots":{}}"""), "info")),
        ["cancel-invocation"] = new CancelInvocation(Invocation, "the run was stopped"),
        ["tool-call-held"] = new ToolCallHeld(Invocation, Run, "clean-up", 1, Request, "a deleted file cannot be had back"),
        ["tool-call-settled"] = new ToolCallSettled(Invocation, Run, "write-report", 2, Completed),
        ["tool-call-settled-failed"] = new ToolCallSettled(Invocation, null, null, 1, Failed),
        ["request-decision"] = new RequestDecision(Request, RequestKind.Approval, "Publish the report?", "It goes to **everybody**.", Hash, Run, "publish", $"run/{Run}", Noon.AddHours(1), 2, Noon.AddMinutes(30)),
        ["withdraw-request"] = new WithdrawRequest(Request, "the run was stopped"),
        ["request-decided"] = new RequestDecided(Request, Run, "publish", Decision.Approve, Hash, "anna", "go", Noon, RememberFor.Run, Json("""{"path":"b.txt"}""")),
        ["run-started"] = new RunStarted(Run, "quarterly-report", Noon),
        ["run-ended"] = new RunEnded(Run, RunStatus.Succeeded, Hash, Noon),
        ["record-facts"] = new RecordFacts(ServiceNames.Orchestrator, 41, [new RecordedFact(42, Invocation.Value, $"run-{Run}", 7, "task-started.1", Noon, Run.ToString(), "message-1", Json("""{"Task":"a"}"""))]),
        ["plan"] = FullPlan,
        ["start-run-request"] = new StartRunRequest(Json("""{"name":"p","tasks":[]}"""), null, Workspace, new Dictionary<string, string> { ["inputs/a.txt"] = "text" }, new PlanBudget(1000, 10), "default"),
        ["run-summary"] = new RunSummary(Run, "quarterly-report", RunStatus.Paused, Noon, Noon.AddMinutes(1), 3, 5),
        ["run-view"] = new RunView(
            Run, "quarterly-report", "Quarterly report", RunStatus.Failed, "1 of 2 tasks did not succeed", Workspace, Noon, Noon.AddMinutes(1),
            [new TaskView("publish", "Publish", "document", TaskState.WaitingApproval, 1, "document-1", ["write"], "policy asks", Request, Noon, Noon.AddSeconds(5), [File])],
            [File], ["write", "publish"], Hash, 17, "0123456789abcdef0123456789abcdef"),
        ["run-events"] = new Page<RunEventView>([new RunEventView(42, $"run-{Run}", 7, "task-started.1", Noon, Json("""{"task":"a","attempt":1}"""))], "42"),
        ["tools"] = new Page<ToolView>([new ToolView("files.read@1", "files.read", "1", "Read a file", "Reads a file of the workspace.", Json("""{"type":"object"}"""), true, true, false, false, Hash,
            new ToolHealth(ToolHealthState.Failing, Noon, 0.1, "The disk is full", Noon, 2, 16))], null),
        ["tool-usage"] = new Page<ToolUsageView>(
            [new ToolUsageView("files.read@1", 5, 1, new Dictionary<ToolOutcomeStatus, long> { [ToolOutcomeStatus.Completed] = 3, [ToolOutcomeStatus.NeedsReconcile] = 1 }, 12.5, 16, 31.5, Noon)], "files.read@1"),
        ["dead-letters"] = new Page<DeadLetterView>([Letter], "638040"),
        ["dead-letter"] = new DeadLetterDetail(Letter, "commands.toolgateway.cancel-invocation", "at AgentPlatform", Json("""{"id":"1"}"""), "bm90IGpzb24="),
        ["retry-dead-letters"] = new RetryDeadLetters("toolgateway_toolgateway_cancel-invocation", "agentplatform.toolgateway.cancel-invocation.1"),
        ["retried-dead-letters"] = new RetriedDeadLetters(1_000, 7),
        ["discard-dead-letter"] = new DiscardDeadLetter("the run was stopped long ago"),
        ["invoke-request"] = new InvokeRequest("files.read", Json("""{"path":"a.txt"}"""), Workspace, Invocation),
        ["invocation-view"] = new InvocationView(Invocation, "files.read@1", InvocationState.Settled, new VerdictView(Verdict.Allow, "workspace-files", "stays in the run's own workspace"), 1, Run, "read", Noon, Noon.AddSeconds(1), Completed),
        ["policy"] = new PolicyView(3, Hash, "anna", Noon, "rules: []", Json("""[{"name":"privilege"}]"""), Verdict.Deny),
        ["set-policy"] = new SetPolicyRequest("rules: []", 2),
        ["explain-policy"] = new ExplainPolicyRequest("files.read", Json("""{"path":"a.txt"}"""), "developer", "anna", true, "rules: []"),
        ["policy-explanation"] = new PolicyExplanation(
            new VerdictView(Verdict.Ask, "secret-files", "such files usually hold keys"), 3, [new RuleExplanation("secret-files", Verdict.Ask, true, null), new RuleExplanation("deletions", Verdict.Ask, false, "tools")]),
        ["simulate-policy"] = new SimulatePolicyRequest("rules: []", "638040"),
        ["policy-simulation"] = new PolicySimulation(
            5, 1, [new PolicyDifference(Invocation, "files.read@1", Noon, new VerdictView(Verdict.Allow, "a", "b"), new VerdictView(Verdict.Deny, "default", "no rule"))], "638040"),
        ["give-grant"] = new GiveGrantRequest(new GrantScope(["files.*"], ["run/*"], ["developer"], Run, "write", ["out/**"], ["*.example.org"], true), "for the report", Noon.AddHours(1), 3, Grant),
        ["grant"] = new GrantView(Grant, GrantState.UsedUp, new GrantScope(["files.read"]), "for the report", "anna", Noon, Noon.AddHours(1), 3, 3, Grant, "bob"),
        ["mcp-servers"] = new Page<McpServerView>(
            [new McpServerView("one", "stdio", true, McpServerState.Failed, Json("""{"command":"node"}"""), "anna", Noon, [new McpToolView("one.count@2", Hash, Hash, "description was “a” and is “b”")], "it ended")], null),
        ["approve-mcp-server"] = new ApproveMcpServerRequest([Hash]),
        ["mcp-login"] = new McpLoginView("one", SignedIn: false, "https://login.example.org/authorize?state=abc", Noon.AddMinutes(10)),
        ["answer-mcp-login"] = new AnswerMcpLoginRequest("http://127.0.0.1:7102/oauth/callback?code=abc&state=abc"),
        ["set-secret"] = new SetSecretRequest("not a secret"),
        ["secrets"] = new Page<SecretView>([new SecretView("one-key", "sha256:01234567", "anna", Noon)], null),
        ["workspace-file"] = new WorkspaceFile("out/report.md", 1234),
        ["request-view"] = new RequestView(Request, RequestKind.Approval, RequestState.Approved, "Publish?", "To everybody.", Hash, Run, "publish", $"run/{Run}", Noon, Noon.AddHours(1), "anna", "go", Noon.AddMinutes(1), 2, ["ben"], Noon),
        ["decide-request"] = new DecideRequest(Decision.Approve, "not that one", RememberFor.Task, Json("""{"path":"b.txt"}""")),
        ["open-session-request"] = new OpenSessionRequest(SessionKind.Terminal, Workspace, 120, 32),
        ["session-view"] = new SessionView(Session, SessionKind.Terminal, SessionState.Closed, "anna", Noon, Noon.AddMinutes(1), 0, "the shell ended", 99),
        ["audit-records"] = new Page<AuditRecordView>([new AuditRecordView(1, ServiceNames.Sessions, 42, "request-1", 1, "request-asked.1", Noon, Run.ToString(), Hash, Json("{}"))], "1"),
        ["parity-report"] = new ParityReport(false, [new ParityView(ServiceNames.Orchestrator, 100, 98, [new SequenceRange(41, 42)], "it does not answer")]),
        ["verify-report"] = new VerifyReport(false, 41, Hash, new AuditRecordRef(42, ServiceNames.Orchestrator, 7), "its hash is another"),
        ["store-sequences"] = new StoreSequences(ServiceNames.Orchestrator, 3, [new SequenceRange(1, 2), new SequenceRange(4, 4)], 5),
    };

    private static DeadLetterView Letter => new(
        Invocation.Value, "0199e0a4-0000-7000-8000-0000000000ff", "toolgateway_toolgateway_cancel-invocation", "agentplatform.toolgateway.cancel-invocation.1", DeadLetterState.Discarded,
        "InvalidOperationException: no", 5, Noon, Noon.AddMinutes(1), Noon.AddMinutes(2), "anna: the run was stopped long ago");

    private static Plan FullPlan => new(
        "quarterly-report",
        [
            new PlanTask("read", "Read", "document", [], new PlanTool("files.read", Json("""{"path":"inputs/a.txt"}"""), true), Priority: 3),
            new PlanTask(
                "write", "Write", "developer", ["read"], null, new PlanAgent("scripted/writer", "Write the report.", ["files.*"], "You write.", 5),
                [Json("""{"file_exists":{"path":"out/report.md"}}""")], new PlanRetry(3, TimeSpan.FromSeconds(2), TimeSpan.FromMinutes(1)), TimeSpan.FromMinutes(5),
                new PlanApproval("Write?", "It costs tokens.", TimeSpan.FromHours(1)), new PlanBudget(1000, 10), -1),
        ],
        "Quarterly report", "From raw files.", 3, DispatchOrder.Eager, ["out/report.md"]);

    private static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);
}
