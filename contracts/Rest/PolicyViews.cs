using System.Text.Json;

namespace AgentPlatform.Contracts;

/// <summary>A version of the tool policy.</summary>
/// <param name="Version">0 for the one that is part of the build.</param>
/// <param name="Sha256">Of its text, in hex.</param>
/// <param name="By">Who set it.</param>
/// <param name="At">When; absent for the one that is part of the build.</param>
/// <param name="Text">As its author wrote it, YAML.</param>
/// <param name="Rules">The rules in force, rails first.</param>
/// <param name="Otherwise">What holds where no rule speaks.</param>
public sealed record PolicyView(long Version, string Sha256, string By, DateTimeOffset? At, string Text, JsonElement Rules, Verdict Otherwise);

/// <summary>Puts a policy in force.</summary>
/// <param name="Policy">YAML; <c>policy.schema.json</c> is the form.</param>
/// <param name="ExpectedVersion">Only if this version is in force; whichever it is when absent.</param>
public sealed record SetPolicyRequest(string Policy, long? ExpectedVersion = null);

/// <summary>Asks what policy would say about a call.</summary>
/// <param name="Tool"><c>server.tool</c> or <c>server.tool@version</c>.</param>
/// <param name="Arguments">A JSON object; empty when absent.</param>
/// <param name="Role">The worker role; developer when absent.</param>
/// <param name="Principal">On whose behalf; the caller when absent.</param>
/// <param name="Tainted">Whether content from outside was read before.</param>
/// <param name="Policy">Another policy than the one in force, as YAML.</param>
public sealed record ExplainPolicyRequest(string Tool, JsonElement? Arguments = null, string? Role = null, string? Principal = null, bool Tainted = false, string? Policy = null);

/// <summary>What a rule has to say about a call.</summary>
/// <param name="Rule">Its name.</param>
/// <param name="Verdict">What it says where it speaks.</param>
/// <param name="IsRail">Part of the build, in force whatever the policy says.</param>
/// <param name="Silent">The first of its conditions that does not hold; absent when it speaks.</param>
public sealed record RuleExplanation(string Rule, Verdict Verdict, bool IsRail, string? Silent);

/// <summary>Why policy says what it says.</summary>
/// <param name="Verdict">The verdict, the rule that decided and its reason.</param>
/// <param name="Version">The version that was asked; absent for another policy.</param>
/// <param name="Rules">Every rule, in order.</param>
public sealed record PolicyExplanation(VerdictView Verdict, long? Version, IReadOnlyList<RuleExplanation> Rules);

/// <summary>Tries a policy on the calls of the past.</summary>
/// <param name="Policy">YAML.</param>
/// <param name="After">Where the page before ended.</param>
public sealed record SimulatePolicyRequest(string Policy, string? After = null);

/// <summary>A call that would have been decided otherwise.</summary>
/// <param name="Invocation">The call.</param>
/// <param name="Tool"><c>server.tool@version</c>.</param>
/// <param name="At">When it was decided.</param>
/// <param name="Was">What was decided.</param>
/// <param name="Would">What would be.</param>
public sealed record PolicyDifference(InvocationId Invocation, string Tool, DateTimeOffset At, VerdictView Was, VerdictView Would);

/// <summary>What another policy would change.</summary>
/// <param name="Compared">Calls of this page that were asked about.</param>
/// <param name="Unknown">Calls of tools that are not registered any more; nobody can say.</param>
/// <param name="Differences">Those that would be decided otherwise.</param>
/// <param name="Next">Cursor of the next page; absent on the last one.</param>
public sealed record PolicySimulation(int Compared, int Unknown, IReadOnlyList<PolicyDifference> Differences, string? Next);
