using AgentPlatform.AppHost.Dashboard;
using AgentPlatform.AppHost.Dashboard.Wire;
using AgentPlatform.AppHost.Supervision;
using AgentPlatform.AppHost.Tests.Supervision;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Tests.Dashboard;

/// <summary>The contract as the dashboard uses it, over HTTP/2.</summary>
public sealed class ResourceServerTests : IAsyncLifetime
{
    private const string Key = "the key";

    private readonly Bench bench = new();
    private ResourceServer server = null!;
    private GrpcClient client = null!;

    [Fact]
    public async Task Without_the_key_nothing_is_told()
    {
        using var stranger = new GrpcClient(server.Url, key: null);
        using var guesser = new GrpcClient(server.Url, "guessed");
        Assert.Equal(16, await (await stranger.Call("WatchResources", new WatchResourcesRequest())).Status());
        Assert.Equal(16, await (await guesser.Call("GetApplicationInformation", new ApplicationInformationRequest())).Status());
    }

    [Fact]
    public async Task What_is_not_served_is_unimplemented_and_not_an_error_of_the_server() =>
        Assert.Equal(12, await (await client.Call("UploadFile", new AnyMessage())).Status());

    [Fact]
    public async Task The_application_has_a_name()
    {
        using var call = await client.Call("GetApplicationInformation", new ApplicationInformationRequest());
        Assert.Equal("Tests", (await call.Next(ApplicationInformation.Parser))!.ApplicationName);
        Assert.Equal(0, await call.Status());
    }

    [Fact]
    public async Task The_full_picture_comes_first_and_then_every_change()
    {
        bench.Board.Publish(Bench.Blank("one"));
        using var call = await client.Call("WatchResources", new WatchResourcesRequest());
        var first = await call.Next(WatchResourcesUpdate.Parser);
        Assert.Equal(["one"], first!.InitialData.Resources.Select(resource => resource.Name));

        bench.Board.Publish(Bench.Blank("one") with { State = States.Running });
        bench.Board.Publish(Bench.Blank("two"));
        var second = await call.Next(WatchResourcesUpdate.Parser);
        var third = await call.Next(WatchResourcesUpdate.Parser);
        Assert.Equal(("one", States.Running), (second!.Changes.Value[0].Upsert.Name, second.Changes.Value[0].Upsert.State));
        Assert.Equal("two", third!.Changes.Value[0].Upsert.Name);
    }

    [Fact]
    public async Task An_empty_stack_is_a_full_picture_too()
    {
        using var call = await client.Call("WatchResources", new WatchResourcesRequest());
        Assert.Equal(WatchResourcesUpdate.KindOneofCase.InitialData, (await call.Next(WatchResourcesUpdate.Parser))!.KindCase);
    }

    [Fact]
    public async Task The_console_is_told_from_the_beginning_and_then_as_it_grows()
    {
        bench.Board.Publish(Bench.Blank("one"));
        var log = bench.Logs.For("one");
        log.Write(new OutputLine("first", IsError: false));
        using var call = await client.Call("WatchResourceConsoleLogs", new WatchConsoleLogsRequest { ResourceName = "one" });
        var backlog = await call.Next(ConsoleLogsUpdate.Parser);
        Assert.EndsWith("Z first", backlog!.LogLines.Single().Text, StringComparison.Ordinal);
        Assert.Equal(1, backlog.LogLines[0].LineNumber);

        log.Write(new OutputLine("second", IsError: true));
        var more = await call.Next(ConsoleLogsUpdate.Parser);
        Assert.Equal((2, true), (more!.LogLines.Single().LineNumber, more.LogLines[0].IsStdErr));
    }

    [Fact]
    public async Task Without_following_the_console_ends_with_what_is_there()
    {
        bench.Board.Publish(Bench.Blank("one"));
        for (var i = 0; i < 1_200; i++)   // More than one message holds.
        {
            bench.Logs.For("one").Write(new OutputLine($"line {i}", IsError: false));
        }

        using var call = await client.Call("WatchResourceConsoleLogs", new WatchConsoleLogsRequest { ResourceName = "one", SuppressFollow = true });
        var lines = new List<int>();
        while (await call.Next(ConsoleLogsUpdate.Parser) is { } update)
        {
            lines.AddRange(update.LogLines.Select(line => line.LineNumber));
        }

        Assert.Equal(Enumerable.Range(1, 1_200), lines);
        Assert.Equal(0, await call.Status());
    }

    [Fact]
    public async Task The_interaction_stream_is_open_though_nobody_speaks()
    {
        using var call = await client.Call("WatchInteractions", new AnyMessage(), keepOpen: true);
        Assert.True(call.IsOpen);
    }

    [Fact]
    public async Task Commands_start_stop_and_restart()
    {
        var launcher = new FakeLauncher();
        bench.Supervise("service", launcher);

        Assert.Equal(CommandResponseKind.Succeeded, (await Command("start")).Kind);
        var first = bench.Board.Find("service")!;
        Assert.Equal(States.Running, first.State);

        Assert.Equal(CommandResponseKind.Succeeded, (await Command("restart")).Kind);
        Assert.NotEqual(first.ProcessId, bench.Board.Find("service")!.ProcessId);

        Assert.Equal(CommandResponseKind.Succeeded, (await Command("stop")).Kind);
        Assert.Equal(States.Exited, bench.Board.Find("service")!.State);
    }

    [Fact]
    public async Task A_command_that_fails_says_so()
    {
        bench.Supervise("service", new FakeLauncher { Refusal = new InvalidOperationException("broken") });
        var failed = await Command("start");
        Assert.Equal(CommandResponseKind.Failed, failed.Kind);
        Assert.Contains("console log", failed.Message, StringComparison.Ordinal);
        Assert.Equal(CommandResponseKind.Failed, (await Command("dance")).Kind);
    }

    public async ValueTask InitializeAsync()
    {
        server = await ResourceServer.Start("Tests", Key, bench.Board, bench.Logs, new RunCommand(bench.Supervisors, bench.Board));
        client = new GrpcClient(server.Url, Key);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
        await bench.DisposeAsync();
    }

    private async Task<CommandResponse> Command(string name)
    {
        using var call = await client.Call("ExecuteResourceCommand", new CommandRequest { CommandName = name, ResourceName = "service", ResourceType = "Project" });
        return (await call.Next(CommandResponse.Parser))!;
    }
}
