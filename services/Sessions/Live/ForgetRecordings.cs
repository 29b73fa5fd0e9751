using Microsoft.Extensions.Options;

namespace AgentPlatform.Sessions.Live;

/// <summary>Deletes recordings that are older than anybody asked to keep them.</summary>
public sealed partial class ForgetRecordings(SessionFolders folders, LiveSessions sessions, IOptions<SessionsOptions> options, TimeProvider time, ILogger<ForgetRecordings> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                var removed = folders.RemoveOlderThan(time.GetUtcNow() - options.Value.RecordingsKept, id => sessions.Terminal(id) is not null);
                if (removed > 0)
                {
                    Forgotten(removed, options.Value.RecordingsKept);
                }
            }
            catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
            {
                NotForgotten(denied.Message, Every);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(4111, LogLevel.Information, "Deleted {Count} recordings older than {Age}")]
    private partial void Forgotten(int count, TimeSpan age);

    [LoggerMessage(4112, LogLevel.Warning, "Old recordings could not be deleted: {Cause}; next try in {Delay}")]
    private partial void NotForgotten(string cause, TimeSpan delay);
}
