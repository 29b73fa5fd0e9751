using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Tests.Mcp;
using Microsoft.Extensions.DependencyInjection;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>What stood around a call can be read afterwards.</summary>
public sealed class RecordedLayersTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_layers_around_a_command_stand_in_its_record_and_a_tool_without_processes_has_none()
    {
        await using var gateway = await GatewayService.Start(servers);
        await gateway.Services.GetRequiredService<PolicyBook>().Set("rules: [{ name: all, tools: ['*'], verdict: allow, because: because }]", "test", expected: null, Ct);
        var workspace = WorkspaceId.New();

        var command = await Invoke(gateway, new InvokeRequest("shell.run", JsonSerializer.SerializeToElement(new { script = "true" }), workspace));
        var file = await Invoke(gateway, new InvokeRequest("files.write", JsonSerializer.SerializeToElement(new { path = "a", content = "b" }), workspace));

        var layers = command.Outcome!.Sandbox!;
        foreach (var layer in (string[])["no_new_privileges", "files", "network", "syscalls", "limits", "identity"])
        {
            Assert.Contains(layers, recorded => recorded.StartsWith($"{layer}: ", StringComparison.Ordinal));
        }
        Assert.Null(file.Outcome!.Sandbox);
        var stored = (await gateway.Services.GetRequiredService<IEventStore>().Aggregate(Invocation.Kind, command.Id.ToString(), Ct)).State;
        Assert.Equal(layers, Assert.IsType<Invocation.Ended>(stored).Outcome.Sandbox);

        // And how the tool has been doing stands beside it in the list.
        var owner = gateway.Api("owner");
        owner.Authorization = $"Bearer {GatewayService.Token("owner")}";
        var health = await Eventually.Get(async () => (await owner.ListTools(Ct)).Items.Single(tool => tool.Name == "shell.run").Health, health => health is not null, "the health of shell.run");
        Assert.Equal((ToolHealthState.Up, 0.0, null), (health!.State, health.ErrorRate, health.LastError));
    }

    [Fact]
    public async Task The_layers_around_an_MCP_server_stand_in_the_record_of_each_call_to_it()
    {
        await using var host = await McpHost.Start(servers);
        await host.AddProbe(trusted: true);

        var outcome = await host.Call("probe-server.count", new { word = "one" });

        Assert.Equal(ToolOutcomeStatus.Completed, outcome.Status);
        foreach (var layer in (string[])["no_new_privileges", "files", "network", "syscalls", "limits", "identity"])
        {
            Assert.Contains(outcome.Sandbox!, recorded => recorded.StartsWith($"{layer}: ", StringComparison.Ordinal));
        }
    }

    private static async Task<InvocationView> Invoke(GatewayService gateway, InvokeRequest request)
    {
        var owner = gateway.Api("owner");
        owner.Authorization = $"Bearer {GatewayService.Token("owner")}";
        return await owner.Invoke(request, Ct);
    }
}
