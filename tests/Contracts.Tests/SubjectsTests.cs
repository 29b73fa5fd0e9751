namespace AgentPlatform.Contracts.Tests;

public sealed class SubjectsTests
{
    private static IEnumerable<Type> Messages => typeof(IMessage).Assembly.GetExportedTypes().Where(t => t.IsAssignableTo(typeof(IMessage)) && !t.IsInterface);

    [Fact]
    public void A_command_goes_to_its_owner()
    {
        var command = (IMessage)Samples.All["invoke-tool"];

        Assert.Equal("commands.toolgateway.invoke-tool", Subjects.Of(command));
        Assert.Equal("commands.toolgateway.invoke-tool", Subjects.Filter(command.GetType()));
        Assert.Equal("agentplatform.toolgateway.invoke-tool.1", Subjects.TypeName(command.GetType()));
        Assert.Equal(ServiceNames.ToolGateway, Subjects.Owner(command.GetType()));
    }

    [Fact]
    public void An_event_goes_to_all_and_ends_with_what_it_is_about()
    {
        var told = (IMessage)Samples.All["run-ended"];

        Assert.Equal("events.orchestrator.run.ended.0199e0a4-0000-7000-8000-000000000001", Subjects.Of(told));
        Assert.Equal("events.orchestrator.run.ended.*", Subjects.Filter(told.GetType()));
        Assert.Equal("agentplatform.orchestrator.run.ended.1", Subjects.TypeName(told.GetType()));
    }

    [Fact]
    public void Every_message_has_an_address_of_its_own_at_a_known_service()
    {
        Assert.Equal(Messages.Count(), Messages.Select(Subjects.TypeName).Distinct(StringComparer.Ordinal).Count());
        Assert.All(Messages, type => Assert.Contains(Subjects.Owner(type), ServiceNames.All));
    }

    [Theory]
    [InlineData("a.b")]
    [InlineData("*")]
    [InlineData(">")]
    [InlineData("a b")]
    [InlineData("")]
    public void What_would_change_the_meaning_of_a_subject_is_no_part_of_it(string id) => Assert.Throws<ArgumentException>(() => Subjects.Live("terminal", id));

    [Fact]
    public void What_has_no_address_is_no_message() =>
        Assert.Contains("neither [Command] nor [IntegrationEvent]", Assert.Throws<ArgumentException>(() => Subjects.TypeName(typeof(Artifact))).Message, StringComparison.Ordinal);

    [Fact]
    public void Live_data_has_a_subject_of_its_own() => Assert.Equal("live.tool.call-1", Subjects.Live("tool", "call-1"));
}
