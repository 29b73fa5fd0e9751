using System.Text.Json;
using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.Platform.Tests;

/// <summary>The owner tries a policy, puts it in force, and sees it hold; through <c>agentctl</c> alone.</summary>
public sealed class PolicyTests(PlatformStack stack)
{
    [Fact]
    public async Task A_policy_is_tried_on_the_past_explained_put_in_force_and_held_to()
    {
        using var folder = TemporaryFolder.Make();
        var (before, after, broken) = (Path.Combine(folder.Path, "before.yaml"), Path.Combine(folder.Path, "after.yaml"), Path.Combine(folder.Path, "broken.yaml"));
        var shipped = (await Json("policy", "show")).GetProperty("text").GetString()!;
        await File.WriteAllTextAsync(before, shipped);
        await File.WriteAllTextAsync(after, shipped + "\n  - name: no-hashing\n    tools: [files.hash]\n    paths: ['**/closed/**']\n    verdict: deny\n    because: closed is closed\n");
        await File.WriteAllTextAsync(broken, shipped + "\n  - name: typo\n    tools: [files.hash]\n    verdct: deny\n    because: b\n");
        string[] call = ["tools", "call", "files.hash", "--arguments", """{"path":"closed/a"}"""];
        Assert.DoesNotContain("closed is closed", (await stack.AgentctlEnd(call)).Output, StringComparison.Ordinal);

        await stack.Until(() => stack.ToolGateway.ListToolUsage(limit: 500), page => page.Items.Any(u => u.Tool == "files.hash@1" && u.Calls > 0), "the call is counted");

        Assert.Contains((await Json("policy", "simulate", after)).GetProperty("differences").EnumerateArray(), d => d.GetProperty("would").GetProperty("rule").GetString() == "no-hashing");
        var refused = await stack.AgentctlEnd("policy", "set", broken);
        Assert.True(refused.ExitCode == 2 && refused.Errors.Contains("verdct", StringComparison.Ordinal), refused.ToString());

        try
        {
            Assert.Equal(0, (await stack.AgentctlEnd("policy", "set", after)).ExitCode);
            var denied = await stack.AgentctlEnd(call);
            Assert.True(denied.ExitCode == 1 && denied.Output.Contains("Policy says no (no-hashing): closed is closed", StringComparison.Ordinal), denied.ToString());
            var why = await stack.AgentctlEnd("policy", "explain", "files.hash", "--arguments", """{"path":"open/a"}""");
            Assert.Contains("allow: stays in the run's own workspace (workspace-files)", why.Output, StringComparison.Ordinal);
            Assert.Contains("no-hashing\tdeny\tno: paths", why.Output, StringComparison.Ordinal);
        }
        finally
        {
            Assert.Equal(0, (await stack.AgentctlEnd("policy", "set", before)).ExitCode);
        }
    }

    private async Task<JsonElement> Json(params string[] args)
    {
        var ended = await stack.AgentctlEnd([.. args, "--json"]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        return JsonSerializer.Deserialize<JsonElement>(ended.Output);
    }
}
