using AgentPlatform.AppHost.Commands;

namespace AgentPlatform.AppHost.Tests.Commands;

public sealed class CommandLineTests : IDisposable
{
    private readonly StringWriter output = new();
    private readonly StringWriter errors = new();

    [Fact]
    public void Without_arguments_everything_runs_on_the_usual_ports()
    {
        var options = Parsed();
        Assert.Equal(7100, options.PortBase);
        Assert.Equal(7101, options.PortOf("orchestrator", 7101));
        Assert.Equal("/home/ann/.local/share/agentplatform", options.DataFolder);
        Assert.Equal((null, true, LogDetail.Warning), (options.Plan, options.UseDashboard, options.LogDetail));
    }

    [Fact]
    public void Ports_shift_together_and_one_can_have_its_own()
    {
        var options = Parsed("--port-base", "9000", "--port", "dashboard=9999");
        Assert.Equal(9001, options.PortOf("orchestrator", 7101));
        Assert.Equal(9201, options.PortOf("orchestrator", 7101, replica: 2));
        Assert.Equal(9999, options.PortOf("dashboard", 7118));
    }

    [Fact]
    public void Lists_may_be_written_with_commas_or_repeated() =>
        Assert.Equal(["audit", "nats", "sessions"], Parsed("--only", "audit,nats", "--only", "sessions").Only);

    [Fact]
    public void A_connection_string_may_hold_commas_of_its_own()
    {
        var external = Parsed("--external", "postgres=Host=a,b;Username=u,nats=nats://c:4222").External;
        Assert.Equal("Host=a,b;Username=u", external["postgres"]);
        Assert.Equal("nats://c:4222", external["nats"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3, "--nats-nodes", "3")]
    [InlineData(1, "--nats-nodes", "1")]
    [InlineData(1, "--external", "nats=nats://c:4222,nats://d:4222")]
    public void There_is_one_nats_server_unless_three_are_wanted(int nodes, params string[] args) => Assert.Equal(nodes, Parsed(args).NatsNodes);

    [Fact]
    public void A_run_knows_its_plan_and_leaves_the_terminal_to_it()
    {
        var options = Parsed("run", "/", "--out", "/tmp", "--data", "/d");
        Assert.Equal(new PlanToRun("/", "/tmp", null), options.Plan);
        Assert.Equal(LogDetail.None, options.LogDetail);
        Assert.Equal("/d", options.DataFolder);
    }

    [Theory]
    [InlineData("--port-base 70000", "--port-base must be between")]
    [InlineData("--port dashboard=many", "--port wants NAME=NUMBER")]
    [InlineData("--replicas audit=99", "between 1 and 16")]
    [InlineData("--replicas audit=2,audit=3", "names a resource twice")]
    [InlineData("--nats-nodes 0", "--nats-nodes is 1, or 3 for a cluster that goes on without one of them")]
    [InlineData("--nats-nodes 2", "it got 2")]
    [InlineData("--nats-nodes 4", "it got 4")]
    [InlineData("--nats-nodes x", "it got x")]
    [InlineData("--nats-nodes 3 --external nats=nats://c:4222", "with --external nats= name all servers of that cluster instead")]
    [InlineData("--external redis=there", "--external knows postgres and nats")]
    [InlineData("run /nowhere", "There is no plan at /nowhere")]
    [InlineData("run / --input /nowhere", "There is no input folder at /nowhere")]
    [InlineData("dance", "dance")]
    public void Wrong_use_is_explained_and_ends_with_2(string arguments, string explanation)
    {
        var parsed = Parse(arguments.Split(' '));
        Assert.Null(parsed.Options);
        Assert.Equal(2, parsed.ExitCode);
        Assert.Contains(explanation, errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Help_is_no_error()
    {
        var parsed = Parse("--help");
        Assert.Equal((null, 0), (parsed.Options, parsed.ExitCode));
        Assert.Contains("--port-base", output.ToString(), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        output.Dispose();
        errors.Dispose();
    }

    private AppHostOptions Parsed(params string[] args) => Parse(args).Options ?? throw new InvalidOperationException(errors.ToString());

    private ParsedArguments Parse(params string[] args) => CommandLine.Parse(args, output, errors, name => name == "HOME" ? "/home/ann" : null);
}
