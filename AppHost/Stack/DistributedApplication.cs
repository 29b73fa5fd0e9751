using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Data;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Stack;

/// <summary>A topology and what the command line wants done with it.</summary>
public sealed class DistributedApplication(IReadOnlyList<Resource> resources, ParsedArguments arguments)
{
    private readonly TimeProvider time = TimeProvider.System;

    /// <summary>Another <c>agentctl</c> than the built one.</summary>
    public string? Agentctl { get; init; }

    public static DistributedApplicationBuilder CreateBuilder(string[] args) => new(args);

    /// <summary>Starts, waits for the end, stops. Returns the exit code.</summary>
    public async Task<int> RunAsync()
    {
        if (arguments.Options is not { } options)
        {
            return arguments.ExitCode;
        }

        using var signals = new StopSignals(time);
        var terminal = Terminal.Standard(options.LogDetail, isOutputOurs: options.Plan is null);
        try
        {
            return await Run(options, terminal, signals.Token);
        }
        catch (Exception error) when (error is WrongUseException or DataFolderInUseException or PortInUseException or ProgramMissingException)
        {
            terminal.Fail(error.Message);
            return ExitCodes.WrongUse;
        }
        catch (Exception error) when (error is TimeoutException or UnauthorizedAccessException or IOException)
        {
            terminal.Fail(error.Message);
            return ExitCodes.NotReachable;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return options.Plan is null ? ExitCodes.Done : ExitCodes.Failed;   // Asked to stop while still starting: a plan that never ran is not done.
        }
    }

    private async Task<int> Run(AppHostOptions options, Terminal terminal, CancellationToken stopping)
    {
        var agentctl = options.Plan is null ? null : RunPlan.FindAgentctl(Agentctl);
        var chosen = ChooseResources.Run(resources, options);
        DataFolder data;
        try
        {
            data = DataFolder.Open(options.DataFolder);
        }
        catch (DataFolderInUseException) when (options.Plan is not null)
        {
            await ExistingStack.UntilReady(options, time, stopping);
            terminal.Say($"using the platform that already runs on {options.DataFolder}");
            return await RunPlan.Run(agentctl!, options.Plan, options.DataFolder, stopping);
        }

        WorkspacesFolder.Prepare(data, terminal.Say);

        using (data)
        {
            return await RunOwn(chosen, options, data, terminal, agentctl, stopping);
        }
    }

    private async Task<int> RunOwn(
        IReadOnlyList<Resource> chosen, AppHostOptions options, DataFolder data, Terminal terminal, string? agentctl, CancellationToken stopping)
    {
        ChooseResources.CheckPorts(chosen, options);
        var programs = await FindPrograms.Run(chosen, options, terminal, stopping);
        var begun = time.GetTimestamp();
        await using var stack = await RunningStack.Start(chosen, options, data, programs, terminal, new StackTimings(), time);
        try
        {
            await UntilReady(stack, options, terminal, stopping);
            new PlatformFile(Environment.ProcessId, time.GetUtcNow(), stack.Endpoints).Write(data.PlatformFile);
            if (options.Plan is { } plan)
            {
                return await RunPlan.Run(agentctl!, plan, data.Path, stopping);
            }

            Welcome.Print(stack, time.GetElapsedTime(begun), terminal);
            await Task.Delay(Timeout.Infinite, stopping).ContinueWith(_ => { }, TaskScheduler.Default);
            terminal.Say("stopping");
            return ExitCodes.Done;
        }
        finally
        {
            File.Delete(data.PlatformFile);
        }
    }

    /// <summary>A plan needs everything. Without one, what did not become ready can be looked at and started again in the dashboard.</summary>
    private static async Task UntilReady(RunningStack stack, AppHostOptions options, Terminal terminal, CancellationToken stopping)
    {
        try
        {
            await stack.UntilReady(stopping);
        }
        catch (TimeoutException error) when (options.Plan is null)
        {
            terminal.Fail($"not everything is ready:\n{error.Message}");
        }
    }
}
