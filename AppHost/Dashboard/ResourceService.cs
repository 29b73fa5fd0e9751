using System.Globalization;
using AgentPlatform.AppHost.Dashboard.Wire;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Supervision;

namespace AgentPlatform.AppHost.Dashboard;

/// <summary>The methods of the dashboard's resource contract.</summary>
internal sealed class ResourceService(string applicationName, StateBoard board, LogBook logs, RunCommand commands)
{
    private const int LinesPerMessageMax = 500;

    public async Task GetApplicationInformation(GrpcCall call)
    {
        await call.ReadOnly(ApplicationInformationRequest.Parser);
        await call.Write(new ApplicationInformation { ApplicationName = applicationName });
    }

    /// <summary>The full picture first, then changes; ends only when the dashboard has fallen too far behind, and then it asks again.</summary>
    public async Task WatchResources(GrpcCall call)
    {
        await call.ReadOnly(WatchResourcesRequest.Parser);
        using var watch = board.Watch();
        await call.Write(new WatchResourcesUpdate { InitialData = new InitialResources { Resources = { watch.Initial.Select(ToWire.From) } } });
        await foreach (var change in watch.Changes.ReadAllAsync(call.Aborted))
        {
            await call.Write(new WatchResourcesUpdate { Changes = new ResourceChanges { Value = { new ResourceChange { Upsert = ToWire.From(change) } } } });
        }
    }

    /// <summary>What is held of a resource's console, and what follows unless only the former is wanted.</summary>
    public async Task WatchConsoleLogs(GrpcCall call)
    {
        var request = await call.ReadOnly(WatchConsoleLogsRequest.Parser);
        await call.Open();
        if (board.Find(request.ResourceName) is not { } resource)
        {
            return;
        }

        var log = logs.For(resource.LogName);
        var last = 0;
        while (true)
        {
            var (lines, more) = log.ReadAfter(last, LinesPerMessageMax);
            if (lines.Length > 0)
            {
                await call.Write(new ConsoleLogsUpdate { LogLines = { lines.Select(Shown) } });
                last = lines[^1].Number;
            }
            else if (request.SuppressFollow)
            {
                return;
            }

            if (!request.SuppressFollow)
            {
                await more.WaitAsync(call.Aborted);
            }
        }
    }

    public async Task ExecuteResourceCommand(GrpcCall call)
    {
        var request = await call.ReadOnly(CommandRequest.Parser);
        var (isDone, message) = await commands.Run(request.ResourceName, request.CommandName, call.Aborted);
        var response = new CommandResponse { Kind = isDone ? CommandResponseKind.Succeeded : CommandResponseKind.Failed };
        if (message.Length > 0)
        {
            response.Message = message;
        }

        await call.Write(response);
    }

    /// <summary>
    /// We never prompt. The stream must be open all the same: answered as unimplemented, the dashboard takes us for disconnected, forgets that it had the
    /// full picture, and shows "Loading…" for ever.
    /// </summary>
    public static async Task WatchInteractions(GrpcCall call)
    {
        await call.Open();
        while (await call.Read(AnyMessage.Parser) is not null)
        {
            // An answer to a prompt of an earlier host; there is nothing left to answer.
        }
    }

    private static ConsoleLogLine Shown(LogLine line) => new()
    {
        Text = string.Create(CultureInfo.InvariantCulture, $"{line.At:yyyy-MM-ddTHH:mm:ss.fffffff}Z {line.Text}"),
        IsStdErr = line.IsError,
        LineNumber = line.Number,
    };
}
