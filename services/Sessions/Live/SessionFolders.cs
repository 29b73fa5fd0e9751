using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace AgentPlatform.Sessions.Live;

/// <summary>Where sessions work and where their recordings lie.</summary>
public sealed class SessionFolders(IOptions<SessionsOptions> options, IConfiguration configuration)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _data = options.Value.DataFolder ?? configuration["AGENTPLATFORM_DATA"]
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "agentplatform");

    private string All => Path.Combine(_data, "sessions");

    public string Recording(SessionId id) => Path.Combine(All, id.ToString(), "recording.cast");

    /// <summary>The folder a session begins in: a workspace that exists, or one of its own.</summary>
    public string Prepare(SessionId id, WorkspaceId? workspace)
    {
        var own = Path.Combine(All, id.ToString());
        Make(own);
        if (workspace is not { } wanted)
        {
            var work = Path.Combine(own, "work");
            Make(work);
            return work;
        }
        var folder = Path.Combine(_data, "workspaces", wanted.ToString());
        return Directory.Exists(folder) ? folder : throw ProblemException.NotFound("workspace", wanted);
    }

    /// <summary>Removes everything of sessions whose recording was last written before a moment.</summary>
    public int RemoveOlderThan(DateTimeOffset moment, Func<SessionId, bool> isLive)
    {
        if (!Directory.Exists(All))
        {
            return 0;
        }
        var removed = 0;
        foreach (var folder in Directory.EnumerateDirectories(All))
        {
            if (SessionId.TryParse(Path.GetFileName(folder), null, out var id) && !isLive(id) && File.GetLastWriteTimeUtc(Recording(id)) < moment.UtcDateTime)
            {
                Directory.Delete(folder, recursive: true);
                removed++;
            }
        }
        return removed;
    }

    private static void Make(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnerOnly);
        }
    }
}
