namespace AgentPlatform.Contracts.Tests;

/// <summary>Events store enums as numbers, as Marten does: a member that moves would change what was stored. Add new ones at the end.</summary>
public sealed class EnumTests
{
    [Theory]
    [InlineData(typeof(RunStatus), "Running Paused Succeeded Failed Stopped")]
    [InlineData(typeof(DispatchOrder), "Deterministic Eager")]
    [InlineData(typeof(ToolOutcomeStatus), "Completed Failed Denied Cancelled NeedsReconcile")]
    [InlineData(typeof(Verdict), "Allow Ask Deny")]
    [InlineData(typeof(Decision), "Approve Deny Expired")]
    [InlineData(typeof(RequestKind), "Approval")]
    [InlineData(typeof(SessionKind), "Terminal")]
    public void The_members_of_a_stored_enum_keep_their_numbers(Type type, string recorded)
    {
        var members = recorded.Split(' ');

        Assert.Equal(members, Enum.GetNames(type).Take(members.Length));
        Assert.Equal(Enumerable.Range(0, members.Length), Enum.GetValuesAsUnderlyingType(type).Cast<int>().Take(members.Length));
    }
}
