using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;

namespace AgentPlatform.Platform.Tests;

/// <summary>Audit has everything, and notices when somebody changes it.</summary>
public sealed class AuditTests(PlatformStack stack)
{
    [Fact]
    public async Task Every_event_is_in_audit_and_the_chain_holds()
    {
        await RunSomething();
        var parity = await stack.AgentctlEnd("audit", "parity");
        Assert.True(parity.ExitCode == 0, parity.ToString());
        Assert.All(PlatformStack.Services.Where(service => service != ServiceNames.Audit), service => Assert.Contains($"{service}\t", parity.Output, StringComparison.Ordinal));
        var verify = await stack.AgentctlEnd("audit", "verify");
        Assert.True(verify.ExitCode == 0, verify.ToString());
        Assert.StartsWith("valid: ", verify.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_changed_byte_in_the_database_is_found_and_the_record_named()
    {
        await RunSomething();
        const long changed = 3;
        await Flip(changed);
        try
        {
            var verify = await stack.AgentctlEnd("audit", "verify");
            Assert.True(verify.ExitCode == 1, verify.ToString());
            Assert.Contains($"broken at record {changed} ", verify.Output, StringComparison.Ordinal);
        }
        finally
        {
            await Flip(changed);
        }

        var again = await stack.AgentctlEnd("audit", "verify");
        Assert.True(again.ExitCode == 0, again.ToString());
    }

    private async Task RunSomething()
    {
        var run = await stack.StartRun("""
            name: something
            tasks:
              - { id: write, tool: { name: files.write, arguments: { path: work/a.txt, content: a } } }
            """);
        Assert.Equal(RunStatus.Succeeded, (await stack.Ends(run.Id)).Status);
        await stack.Until(() => stack.Audit.Parity(), report => report.Complete, "every event of every service is in Audit");
    }

    private async Task Flip(long index)
    {
        await using var database = stack.Database(ServiceNames.Audit);
        await using var command = database.CreateCommand("update ap_audit_records set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where index = $1");
        command.Parameters.Add(new() { Value = index });
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }
}
