namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>Bounds of one workspace. Every refusal names the bound it met.</summary>
public sealed record WorkspaceOptions
{
    /// <summary>Largest file that is read or written through the workspace.</summary>
    public long FileBytesMax { get; init; } = 256L * 1024 * 1024;

    /// <summary>Longest relative path, in UTF-8 bytes.</summary>
    public int PathBytesMax { get; init; } = 1024;

    /// <summary>Most folders a path may go through.</summary>
    public int PathDepthMax { get; init; } = 32;

    /// <summary>Most entries a listing walks before it refuses.</summary>
    public int EntriesWalkedMax { get; init; } = 100_000;

    /// <summary>First unprivileged user id given to tools when the gateway itself runs as root.</summary>
    public uint ToolUserFirst { get; init; } = 40_000;

    /// <summary>How many user ids are shared out from <see cref="ToolUserFirst"/>. All stay below 65,536, so that rootless containers can map them.</summary>
    public uint ToolUserCount { get; init; } = 20_000;
}
