using System.Text.Json;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>
/// Stores what processes that died have left in their journals: the records that were on their way to the store, and of calls that had no end one that says so and
/// counts what was set aside. A record that is there already is not stored twice, so dying in between does no harm.
/// </summary>
public sealed partial class RecoverCalls(CallJournal journal, RecordCalls records, IOptions<ModelFabricOptions> options, TimeProvider time, ILogger<RecoverCalls> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.Records.RecoveredEvery, time);
        do
        {
            try
            {
                foreach (var path in Directory.Exists(journal.Folder) ? Directory.GetFiles(journal.Folder, CallJournal.Pattern) : [])
                {
                    await Take(path, stoppingToken);
                }
            }
            catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
            {
                NotRecovered(unreadable, journal.Folder);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task Take(string path, CancellationToken ct)
    {
        if (Orphan(path) is not { } file)
        {
            return;
        }
        await using (file)
        {
            var last = new Dictionary<Guid, CallEntry>();
            using var reader = new StreamReader(file);
            while (await reader.ReadLineAsync(ct) is { } line)
            {
                // Where two wrote at once and one died, a gap of zeros stands before the other's line.
                if (Parsed(line.Trim('\0')) is { Key: { } key } entry)
                {
                    last[key] = entry;
                }
            }
            foreach (var entry in last.Values)
            {
                records.Add(entry);
            }
            // Now they stand in our own journal.
            File.Delete(path);
            if (last.Count > 0)
            {
                Recovered(last.Count, last.Values.Count(entry => entry.Record?.ErrorClass == TryProvider.GatewayDied), Path.GetFileName(path));
            }
        }
    }

    private static CallEntry? Parsed(string line)
    {
        try
        {
            return line.Length == 0 ? null : JsonSerializer.Deserialize<JournalLine>(line, JournalLine.Json)?.ToEntry();
        }
        catch (JsonException)
        {
            // The last line of a process that died while it wrote: what it told of had not begun.
            return null;
        }
    }

    /// <summary>Null while its process lives, or when another takes it at this moment.</summary>
    private FileStream? Orphan(string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            if (file.Length > 0 || time.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(path) > options.Value.Records.RecoveredEvery)
            {
                return file;
            }
            // Made a moment ago by somebody who is about to write.
            file.Dispose();
            return null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    [LoggerMessage(4207, LogLevel.Warning, "{Count} calls of a process that died are recorded from its journal {File}; {Unknown} of them had no end and count as what they had set aside")]
    private partial void Recovered(int count, int unknown, string file);

    [LoggerMessage(4208, LogLevel.Error, "The journals in {Folder} cannot be read; the calls of a process that died stay unrecorded until they can")]
    private partial void NotRecovered(Exception exception, string folder);
}
