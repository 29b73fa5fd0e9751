using AgentPlatform.AppHost.Dashboard;
using AgentPlatform.AppHost.Dashboard.Wire;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Model;
using AgentPlatform.AppHost.Supervision;
using AgentPlatform.AppHost.Tests.Supervision;

namespace AgentPlatform.AppHost.Tests.Dashboard;

/// <summary>The rules whose breach makes the dashboard show "Loading…" for ever.</summary>
public sealed class ToWireTests
{
    private static readonly ResourceSnapshot Full = Bench.Blank("service-r0") with
    {
        DisplayName = "service",
        State = States.Running,
        ProcessId = 4711,
        ParentName = "postgres",
        Restarts = 2,
        StartedAt = DateTimeOffset.UnixEpoch,
        Health = new Health(false, "/health answered 503", DateTimeOffset.UnixEpoch),
        Urls = [new InstanceUrl("http", "http://127.0.0.1:1"), new InstanceUrl("tcp", "tcp://127.0.0.1:2")],
        Relationships = [("postgres", "WaitFor")],
        Description = new LaunchDescription(
            [new Variable("PLAIN", "seen", IsSecret: false), new Variable("OTEL_EXPORTER_OTLP_HEADERS", "x-otlp-api-key=hidden", IsSecret: true), new Variable("UNSET", null, IsSecret: false)],
            [new Fact("project.path", "services/Service.csproj"), new Fact("named", "value", "A name")]),
        Commands = [new ResourceCommand("empty", "", _ => Task.FromResult("done"))],
    };

    public static TheoryData<string> AllStates => [States.NotStarted, States.Waiting, States.Starting, States.Running, States.Stopping, States.Exited, States.FailedToStart];

    [Theory, MemberData(nameof(AllStates))]
    public void Every_rule_of_the_contract_is_kept_in_every_state(string state)
    {
        var resource = ToWire.From(Full with { State = state, ExitCode = 137 });
        Assert.NotNull(resource.CreatedAt);
        Assert.All(resource.Urls, url => Assert.NotNull(url.DisplayProperties));
        Assert.All(resource.Properties, property => Assert.NotEqual(Google.Protobuf.WellKnownTypes.Value.KindOneofCase.None, property.Value.KindCase));
        Assert.All(resource.Commands, command => Assert.NotEmpty(command.DisplayName));
        Assert.All(resource.Urls, url => Assert.Equal(state != States.Running, url.IsInactive));
        Assert.Contains(resource.Properties, property => property.Name == "resource.exitCode");
    }

    [Fact]
    public void A_bare_resource_keeps_them_too() => Assert.NotNull(ToWire.From(Bench.Blank("bare")).CreatedAt);

    [Fact]
    public void A_secret_variable_is_named_but_its_value_is_not_sent()
    {
        var resource = ToWire.From(Full);
        Assert.DoesNotContain("hidden", resource.ToString(), StringComparison.Ordinal);
        Assert.Equal(["PLAIN", "OTEL_EXPORTER_OTLP_HEADERS"], resource.Environment.Select(variable => variable.Name));
    }

    [Theory]
    [InlineData(States.Running, CommandState.Hidden, CommandState.Enabled, CommandState.Enabled)]
    [InlineData(States.Waiting, CommandState.Hidden, CommandState.Enabled, CommandState.Enabled)]
    [InlineData(States.Stopping, CommandState.Hidden, CommandState.Disabled, CommandState.Disabled)]
    [InlineData(States.Exited, CommandState.Enabled, CommandState.Hidden, CommandState.Hidden)]
    [InlineData(States.FailedToStart, CommandState.Enabled, CommandState.Hidden, CommandState.Hidden)]
    public void Buttons_offer_what_is_possible(string state, object start, object stop, object restart)
    {
        var commands = ToWire.From(Full with { State = state }).Commands.ToDictionary(command => command.Name, command => (object)command.State, StringComparer.Ordinal);
        Assert.Equal((start, stop, restart), (commands["start"], commands["stop"], commands["restart"]));
    }

    [Fact]
    public void An_answer_that_is_still_awaited_has_no_status()
    {
        Assert.False(ToWire.From(Full with { Health = new Health(null, "not asked yet", null) }).HealthReports.Single().HasStatus);
        Assert.Equal(HealthStatus.Unhealthy, ToWire.From(Full).HealthReports.Single().Status);
    }
}
