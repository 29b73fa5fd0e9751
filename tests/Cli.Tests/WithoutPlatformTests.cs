using System.Net;
using System.Net.Sockets;

namespace AgentPlatform.Cli.Tests;

public sealed class WithoutPlatformTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Theory]
    [InlineData("runs", "list")]
    [InlineData("tools", "list")]
    [InlineData("requests", "list")]
    [InlineData("audit", "verify")]
    public async Task Where_there_is_no_platform_the_way_to_one_is_named(params string[] command)
    {
        var said = await AgentCtl.Run(Nothing, [.. command, "--data", _folder.Path]);

        Assert.Equal(3, said.ExitCode);
        Assert.Empty(said.Output);
        Assert.StartsWith($"error: No platform was found: {_folder.Path}/owner.token does not exist. Start one with 'dotnet run --project AppHost'", said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_platform_that_does_not_answer_is_said_to_be_silent()
    {
        var said = await AgentCtl.Run(At(FreePort()), "runs", "list");

        Assert.Equal(3, said.ExitCode);
        Assert.StartsWith("error: The platform does not answer (", said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_description_of_the_platform_that_cannot_be_read_is_named()
    {
        var described = _folder.Write("platform.json", "{ half");

        var said = await AgentCtl.Run(Nothing, "runs", "list", "--data", _folder.Path);

        Assert.Equal(3, said.ExitCode);
        Assert.Contains(described, said.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Unrecognized command or argument 'fly'", "fly")]
    [InlineData("'run-1' is no id: ids look like", "runs", "show", "run-1")]
    [InlineData("'x' is no id: ids look like", "requests", "approve", "x")]
    [InlineData("Give either a plan or --goal TEXT", "run")]
    [InlineData("Give either a plan or --goal TEXT", "run", "plan.yaml", "--goal", "do it")]
    [InlineData("There is no plan nowhere.yaml; name a plan file", "run", "nowhere.yaml")]
    [InlineData("--input nowhere is no folder", "run", "--goal", "do it", "--input", "nowhere")]
    [InlineData("--watch and --detach exclude each other", "run", "plan.yaml", "--watch", "--detach")]
    [InlineData("--arguments is no JSON", "tools", "call", "files.read", "--arguments", "{")]
    [InlineData("--workspace 'x' is no id", "tools", "call", "files.read", "--workspace", "x")]
    [InlineData("--run 'x' is no id", "audit", "records", "--run", "x")]
    public async Task Wrong_use_is_said_whether_there_is_a_platform_or_not(string why, params string[] command)
    {
        var said = await AgentCtl.Run(Nothing, [.. command, "--data", _folder.Path]);

        Assert.Equal(2, said.ExitCode);
        Assert.Contains(why, said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_a_plan_is_wrong_use()
    {
        var said = await AgentCtl.Run(Nothing, "run", _folder.Path);

        Assert.Equal((2, $"error: The folder {_folder.Path} holds no plan.yaml"), (said.ExitCode, said.Error.Trim()));
    }

    [Theory]
    [InlineData("agentctl: run plans, watch them")]
    [InlineData("Run a plan", "run")]
    [InlineData("Look at runs and steer them", "runs")]
    [InlineData("Newest first", "runs", "list")]
    [InlineData("One run with its tasks", "runs", "show")]
    [InlineData("Dispatch nothing new", "runs", "pause")]
    [InlineData("Go on after a pause", "runs", "resume")]
    [InlineData("End the run", "runs", "stop")]
    [InlineData("Show a run until it ends", "runs", "watch")]
    [InlineData("What happened, in order", "runs", "events")]
    [InlineData("Every tool that can be called", "tools", "list")]
    [InlineData("Call a tool", "tools", "call")]
    [InlineData("Oldest first", "requests", "list")]
    [InlineData("What exactly is asked", "requests", "show")]
    [InlineData("Say yes", "requests", "approve")]
    [InlineData("Say no", "requests", "deny")]
    [InlineData("Newest first, service by service", "dead-letters", "list")]
    [InlineData("The message as it travelled", "dead-letters", "show")]
    [InlineData("Send one again, or all", "dead-letters", "retry")]
    [InlineData("Is every event", "audit", "parity")]
    [InlineData("Walk the hash chain", "audit", "verify")]
    [InlineData("What happened, oldest first", "audit", "records")]
    public async Task Every_command_explains_itself(string text, params string[] command)
    {
        var said = await AgentCtl.Run(Nothing, [.. command, "--help"]);

        Assert.Equal(0, said.ExitCode);
        Assert.Contains(text, said.Output, StringComparison.Ordinal);
        Assert.Contains("--json", said.Output, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static Dictionary<string, string> Nothing => new(StringComparer.Ordinal);

    private static Dictionary<string, string> At(int port) => new(StringComparer.Ordinal)
    {
        ["AGENTPLATFORM_TOKEN"] = "token", ["AGENTPLATFORM_ORCHESTRATOR_URL"] = $"http://127.0.0.1:{port}",
    };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
