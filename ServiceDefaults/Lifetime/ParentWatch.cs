using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ServiceDefaults;

/// <summary>Ends the service when the process that started it (<c>AGENTPLATFORM_PARENT_PID</c>) is gone, so that nothing is left behind.</summary>
internal sealed partial class ParentWatch(IConfiguration configuration, IHostApplicationLifetime lifetime, ILogger<ParentWatch> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (configuration["AGENTPLATFORM_PARENT_PID"] is not { Length: > 0 } text)
        {
            return;
        }

        if (!int.TryParse(text, out var pid))
        {
            throw new InvalidOperationException($"AGENTPLATFORM_PARENT_PID is '{text}', not a process id");
        }

        try
        {
            using var parent = Process.GetProcessById(pid);
            await parent.WaitForExitAsync(stoppingToken);
        }
        catch (ArgumentException)
        {
            // It is gone already.
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }

        ParentGone(pid);
        lifetime.StopApplication();
    }

    [LoggerMessage(3001, LogLevel.Warning, "The process {Pid} that started this service is gone; stopping")]
    private partial void ParentGone(int pid);
}
