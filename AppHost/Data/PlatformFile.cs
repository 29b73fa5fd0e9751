using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.AppHost.Data;

/// <summary>Tells tools on this machine where a running stack is. Written when the stack is ready, removed when it stops; may be stale after a crash.</summary>
internal sealed record PlatformFile(int Pid, DateTimeOffset StartedAt, IReadOnlyDictionary<string, string> Endpoints)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public void Write(string path) => PrivateFiles.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, Json));

    /// <summary>The stack that runs on the folder; null when the file is missing, unreadable or left by a process that is gone.</summary>
    public static PlatformFile? ReadLiving(string path)
    {
        try
        {
            var file = JsonSerializer.Deserialize<PlatformFile>(File.ReadAllBytes(path), Json);
            if (file is null)
            {
                return null;
            }

            using var process = Process.GetProcessById(file.Pid);
            return file;
        }
        catch (Exception error) when (error is IOException or JsonException or ArgumentException)
        {
            return null;   // ArgumentException: no such process.
        }
    }
}
