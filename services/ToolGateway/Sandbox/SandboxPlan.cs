using AgentPlatform.ToolGateway.Sandbox.Egress;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>The separate walls around a tool process. Each is reported when it stands and stops the call when it is required and cannot.</summary>
[Flags]
public enum SandboxLayer
{
    None = 0,

    /// <summary>No set-uid program and no file capability can give rights back.</summary>
    NoNewPrivileges = 1,

    /// <summary>Landlock: only listed files and folders.</summary>
    Files = 2,

    /// <summary>seccomp (and Landlock for ports): only the sockets the plan allows.</summary>
    Network = 4,

    /// <summary>seccomp: kernel surface no tool needs is closed.</summary>
    Syscalls = 8,

    /// <summary>rlimits: CPU, memory, processes, file size, descriptors, no core files.</summary>
    Limits = 16,

    /// <summary>A user id that owns nothing but the workspace; only meaningful under a root gateway.</summary>
    Identity = 32,

    /// <summary>Landlock scope: signals reach only processes of the same call.</summary>
    Signals = 64,
}

/// <summary>How much network a tool sees. The numbers are stored.</summary>
public enum NetworkAccess
{
    /// <summary>No socket can be made, only connected pairs between the tool's own processes.</summary>
    None = 0,

    /// <summary>TCP connections to the listed ports; no listening, no UDP (so no name resolution of its own), no raw sockets.</summary>
    TcpPorts = 1,

    /// <summary>The listed hosts, over an HTTP proxy that is all there is in a network namespace of the call's own. Only a gateway with CAP_SYS_ADMIN can give it.</summary>
    Hosts = 2,

    /// <summary>TCP and UDP without a filter on where to; still no raw, packet, netlink, vsock or local (AF_UNIX) sockets.</summary>
    Internet = 3,
}

/// <summary>Bounds of one call. All are per process except time, output, and those that say "call" or "workspace"; processes are of its user id.</summary>
public sealed record SandboxLimits
{
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(60);
    public TimeSpan Cpu { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Private writable memory of each process (RLIMIT_DATA): unlike address space it does not punish runtimes that only reserve.</summary>
    public long MemoryBytesMax { get; init; } = 1L * 1024 * 1024 * 1024;

    /// <summary>Memory of all processes of a call together, looked at while it runs.</summary>
    public long CallMemoryBytesMax { get; init; } = 2L * 1024 * 1024 * 1024;

    /// <summary>Bytes in the workspace, with deleted files that the call holds open, looked at while it runs.</summary>
    public long WorkspaceBytesMax { get; init; } = 8L * 1024 * 1024 * 1024;

    /// <summary>Files and folders in the workspace.</summary>
    public int WorkspaceEntriesMax { get; init; } = 500_000;

    /// <summary>How often a running call is looked at; rarer when a look takes long.</summary>
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Processes and threads beyond those the user id already has.</summary>
    public int ProcessesMax { get; init; } = 128;

    public long FileBytesMax { get; init; } = 256L * 1024 * 1024;
    public int OpenFilesMax { get; init; } = 256;

    /// <summary>Bytes kept of each of stdout and stderr; the rest is read and dropped, with a marker.</summary>
    public int OutputBytesKept { get; init; } = 256 * 1024;

    /// <summary>Bytes read of both together before the call is stopped as too talkative.</summary>
    public long OutputBytesMax { get; init; } = 64L * 1024 * 1024;

    /// <summary>How long after the tool's end its pipes are read for what is still in them.</summary>
    public TimeSpan DrainDuration { get; init; } = TimeSpan.FromMilliseconds(250);
}

/// <summary>
/// What a tool process may do, as a value that is built from locked to open and can be compared:
/// <c>SandboxPlan.Locked.Writable(workspace).Protect(workspace + "/.git")</c>.
/// </summary>
public sealed record SandboxPlan
{
    private SandboxPlan()
    {
    }

    /// <summary>System programs and libraries are readable, nothing is writable, there is no network, every layer the host must give is required.</summary>
    /// <remarks>
    /// <see cref="SandboxLayer.Signals"/> is not required, because kernels before 6.12 cannot give it; it is reported when it stands. Without it a tool of an
    /// unprivileged gateway can signal other processes of the same user. Require it with <see cref="Require"/> where that matters.
    /// </remarks>
    public static SandboxPlan Locked { get; } = new();

    public IReadOnlyList<string> ReadablePaths { get; private init; } = SystemPaths.Readable;
    public IReadOnlyList<string> WritablePaths { get; private init; } = [];
    public IReadOnlyList<string> ProtectedPaths { get; private init; } = [];
    public NetworkAccess Network { get; private init; }
    public IReadOnlyList<int> TcpPorts { get; private init; } = [];
    public IReadOnlyList<string> Hosts { get; private init; } = [];
    public SandboxLimits Limits { get; private init; } = new();

    /// <summary>Layers without which the call does not start.</summary>
    public SandboxLayer Required { get; private init; } =
        SandboxLayer.NoNewPrivileges | SandboxLayer.Files | SandboxLayer.Network | SandboxLayer.Syscalls | SandboxLayer.Limits | SandboxLayer.Identity;

    /// <summary>Also readable (and executable): files or whole folders. A path that does not exist is skipped.</summary>
    public SandboxPlan Readable(params string[] paths) => this with { ReadablePaths = Merge(ReadablePaths, paths) };

    /// <summary>Readable, executable and writable, with everything beneath.</summary>
    public SandboxPlan Writable(params string[] paths) => this with { WritablePaths = Merge(WritablePaths, paths) };

    /// <summary>
    /// Readable only, although beneath a writable folder. Landlock has no "except", so the folders on the way down lose the right to gain new
    /// entries and their other children are opened one by one.
    /// </summary>
    public SandboxPlan Protect(params string[] paths) => this with { ProtectedPaths = Merge(ProtectedPaths, paths) };

    /// <summary>TCP connections to these ports, on any host.</summary>
    public SandboxPlan ConnectTo(params int[] ports) =>
        this with { Network = NetworkAccess.TcpPorts, TcpPorts = [.. TcpPorts.Concat(ports).Distinct().Order()] };

    /// <summary>These hosts and no others: <c>api.example.org</c>, <c>*.example.org</c> or an address, each with <c>:PORT</c> or for ports 80 and 443.</summary>
    public SandboxPlan Reach(params string[] hosts)
    {
        foreach (var host in hosts)
        {
            if (HostGrants.Problem(host) is { } problem) throw new ArgumentException(problem, nameof(hosts));
        }
        return this with { Network = NetworkAccess.Hosts, TcpPorts = [EgressProxy.Port], Hosts = [.. Hosts.Concat(hosts).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal)] };
    }

    public SandboxPlan WithInternet() => this with { Network = NetworkAccess.Internet, TcpPorts = [] };

    public SandboxPlan Within(SandboxLimits limits) => this with { Limits = limits };

    /// <summary>Adds layers to those without which the call does not start.</summary>
    public SandboxPlan Require(SandboxLayer layers) => this with { Required = Required | layers };

    public bool Equals(SandboxPlan? other) =>
        other is not null && Network == other.Network && Limits == other.Limits && Required == other.Required
        && ReadablePaths.SequenceEqual(other.ReadablePaths) && WritablePaths.SequenceEqual(other.WritablePaths)
        && ProtectedPaths.SequenceEqual(other.ProtectedPaths) && Hosts.SequenceEqual(other.Hosts) && TcpPorts.SequenceEqual(other.TcpPorts);

    public override int GetHashCode() => HashCode.Combine(Network, Limits, Required, ReadablePaths.Count, WritablePaths.Count, ProtectedPaths.Count);

    private static List<string> Merge(IReadOnlyList<string> old, string[] added)
    {
        foreach (var path in added)
        {
            if (!Path.IsPathFullyQualified(path)) throw new ArgumentException($"A sandbox path must be absolute: '{path}'.", nameof(added));
        }
        return [.. old.Concat(added.Select(Path.GetFullPath)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }
}
