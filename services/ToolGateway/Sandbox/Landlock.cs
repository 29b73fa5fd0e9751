using System.Runtime.InteropServices;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>Builds Landlock rulesets. Each ABI of the kernel adds rights; a right the kernel does not know is left out of what is handled.</summary>
internal static unsafe class Landlock
{
    private const ulong Execute = 1 << 0, WriteFile = 1 << 1, ReadFile = 1 << 2, ReadFolder = 1 << 3, RemoveFolder = 1 << 4, RemoveFile = 1 << 5,
        MakeCharDevice = 1 << 6, MakeFolder = 1 << 7, MakeFile = 1 << 8, MakeSocket = 1 << 9, MakeFifo = 1 << 10, MakeBlockDevice = 1 << 11, MakeLink = 1 << 12,
        Refer = 1 << 13, Truncate = 1 << 14, DeviceControl = 1 << 15;
    private const ulong BindTcp = 1, ConnectTcp = 2, ScopeAbstractSockets = 1, ScopeSignals = 2;
    private const ulong ReadOnlyRights = Execute | ReadFile | ReadFolder;

    // Device nodes are not among them: a tool has no business making one even where the kernel would let it.
    private const ulong WritableRights = ReadOnlyRights | WriteFile | RemoveFolder | RemoveFile | MakeFolder | MakeFile | MakeSocket | MakeFifo | MakeLink | Refer | Truncate;
    private const ulong RightsOfFiles = Execute | WriteFile | ReadFile | Truncate | DeviceControl;
    private const long SysCreate = 444, SysAddRule = 445;

    [StructLayout(LayoutKind.Sequential)]
    private struct RulesetAttributes
    {
        public ulong Files, Network, Scopes;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct PathRule
    {
        public ulong Allowed;
        public int Fd;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PortRule
    {
        public ulong Allowed, Port;
    }

    /// <summary>Version of Landlock in the running kernel; 0 when it is absent or switched off at boot.</summary>
    internal static int Abi { get; } = Kernel.IsKnownMachine ? (int)Math.Max(0, Kernel.Syscall(SysCreate, 0, 0, 1, 0)) : 0;

    internal static bool HandlesTruncate => Abi >= 3;
    internal static bool HandlesPorts => Abi >= 4;
    internal static bool HandlesSignals => Abi >= 6;

    /// <summary>The ruleset of a plan, ready to be put on a thread.</summary>
    internal static SafeFileHandle Build(SandboxPlan plan)
    {
        var attributes = new RulesetAttributes
        {
            Files = Handled,
            Network = HandlesPorts && plan.Network != NetworkAccess.Internet ? BindTcp | ConnectTcp : 0,
            Scopes = HandlesSignals ? ScopeAbstractSockets | ScopeSignals : 0,
        };
        var size = HandlesSignals ? 24 : HandlesPorts ? 16 : 8;
        var fd = (int)Kernel.Syscall(SysCreate, (nint)(&attributes), size, 0, 0);
        if (fd < 0) throw Kernel.Failed("landlock_create_ruleset");
        var ruleset = new SafeFileHandle(fd, ownsHandle: true);
        try
        {
            foreach (var path in plan.ReadablePaths) AllowPath(fd, path, ReadOnlyRights, followLink: true);
            foreach (var path in SystemPaths.Devices) AllowPath(fd, path, ReadFile | WriteFile | Truncate, followLink: true);
            foreach (var path in plan.WritablePaths) AllowWritable(fd, path, plan.ProtectedPaths, followLink: true);
            if (attributes.Network == 0) return ruleset;
            foreach (var port in plan.TcpPorts)
            {
                var rule = new PortRule { Allowed = ConnectTcp, Port = (ulong)port };
                if (Kernel.Syscall(SysAddRule, fd, 2, (nint)(&rule), 0) != 0) throw Kernel.Failed($"landlock_add_rule for port {port}");
            }
            return ruleset;
        }
        catch
        {
            ruleset.Dispose();
            throw;
        }
    }

    private static ulong Handled
    {
        get
        {
            var handled = WritableRights | MakeCharDevice | MakeBlockDevice | DeviceControl;
            if (Abi < 2) handled &= ~Refer;
            if (Abi < 3) handled &= ~Truncate;
            if (Abi < 5) handled &= ~DeviceControl;
            return handled;
        }
    }

    // Going down to a protected path: folders on the way are only readable, their other children are writable.
    private static void AllowWritable(int ruleset, string path, IReadOnlyList<string> protectedPaths, bool followLink)
    {
        var prefix = path.TrimEnd('/') + "/";
        var isProtected = protectedPaths.Contains(path, StringComparer.Ordinal);
        var isOnTheWay = !isProtected && protectedPaths.Any(inner => inner.StartsWith(prefix, StringComparison.Ordinal));
        AllowPath(ruleset, path, isProtected || isOnTheWay ? ReadOnlyRights : WritableRights, followLink);
        if (!isOnTheWay) return;
        foreach (var child in Directory.EnumerateFileSystemEntries(path)) AllowWritable(ruleset, child, protectedPaths, followLink: false);
    }

    private static void AllowPath(int ruleset, string path, ulong rights, bool followLink)
    {
        // Paths of the plan may be links (/bin is one). What lies inside a writable folder was made by tools, and a link there must not open its target.
        var fd = Kernel.Open(path, Beneath.PathOnly | Beneath.CloseOnExec | (followLink ? 0 : Beneath.NoFollow), 0);
        if (fd < 0) return; // Not on this machine: nothing to allow.
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        var facts = Beneath.Facts(handle);
        if ((facts.Mode & 0xF000) == 0xA000) return;
        var rule = new PathRule { Allowed = rights & Handled & (facts.IsFolder ? ulong.MaxValue : RightsOfFiles), Fd = fd };
        if (Kernel.Syscall(SysAddRule, ruleset, 1, (nint)(&rule), 0) != 0) throw Kernel.Failed($"landlock_add_rule for {path}");
    }
}
