using System.Runtime.InteropServices;
using System.Text;
using static AgentPlatform.EscapeAttempts.Native;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Mounts, namespaces, keys, rights, and the large or privileged parts of the kernel.</summary>
internal static unsafe class KernelSurface
{
    private const int NewMounts = 0x20000, NewCgroups = 0x02000000, NewNames = 0x04000000, NewQueues = 0x08000000, NewUsers = 0x10000000, NewProcesses = 0x20000000, NewNetwork = 0x40000000;
    private const int NoEntry = 2, ExecFormat = 8, BadAddress = 14, Invalid = 22;

    internal static readonly Attempt[] All =
    [
        Root("mount-a-file-system", s => Undone(s, "m1", at => Mount("none", at, "tmpfs", 0))),
        Root("mount-a-folder-over-another", s => Undone(s, "m2", at => { Mount(s.Outside, at, "none", 0x1000); _ = Directory.GetFileSystemEntries(at); })),
        Root("mount-a-fresh-proc", s => Undone(s, "m3", at => Mount("proc", at, "proc", 0))),
        Root("unmount", s => Own(() => { Unmount("/dev/shm"); }), where: "machines without /dev/shm as a mount"),
        Root("open-a-file-system", _ => { using var name = new Text("tmpfs"); Close(Sys("fsopen", name)); }),
        Root("copy-a-mount", _ => { using var path = new Text("/"); Close(Sys("open_tree", Here, path, 1)); }),
        Root("move-a-mount", s => Own(() =>
        {
            using Text from = new(s.Outside), empty = new(""), to = new(Folder(s, "m4"));
            var (tree, _) = Try("open_tree", Here, from, 1);
            Sys("move_mount", tree < 0 ? Here : (nint)tree, tree < 0 ? from : empty, Here, to, tree < 0 ? 0 : 4);
        })),
        Root("change-the-rights-of-a-mount", s => Own(() =>
        {
            using var path = new Text("/dev/shm");
            var attributes = stackalloc ulong[4] { 0, 0, 0, 0 };
            Sys("mount_setattr", Here, path, 0, (nint)attributes, 32);
        }), where: "machines without /dev/shm as a mount"),
        Root("exchange-the-root", s => Own(() =>
        {
            var at = Folder(s, "m5");
            using Text path = new(at), none = new("none");
            Try("mount", none, path, none, 0x5000); // Recursive bind; where that is refused, so must be what follows.
            Try("mount", path, path, none, 0x1000);
            Sys("pivot_root", path, path);
        })),
        Root("change-the-root", s => Own(() => { using var path = new Text(s.Outside); Sys("chroot", path); })),
        Root("watch-every-file", _ => Close(Sys("fanotify_init", 0, 0)), where: "kernels without fanotify"),
        Root("swap-to-a-file", s => { using var path = new Text(s.Target("swap-to-a-file")); Reaches("swapon", Invalid, path); }),

        Root("leave-the-mount-namespace", _ => Own(() => Sys("unshare", NewMounts))),
        Root("leave-the-network-namespace", _ => Own(() => Sys("unshare", NewNetwork))),
        Root("leave-the-name-namespace", _ => Own(() => Sys("unshare", NewNames))),
        Root("leave-the-queue-namespace", _ => Own(() => Sys("unshare", NewQueues))),
        Root("leave-the-cgroup-namespace", _ => Own(() => Sys("unshare", NewCgroups))),
        Root("enter-the-names-of-another-process", s => Own(() => Sys("setns", (nint)Sys("pidfd_open", s.Victim), NewNames))),
        Tool("clone-into-a-user-namespace", _ => Clone(NewUsers), "hosts without user namespaces"),
        Tool("clone-into-user-and-network-namespaces", _ => Clone(NewUsers | NewNetwork), "hosts without user namespaces"),
        Tool("clone-into-user-and-mount-namespaces", _ => Clone(NewUsers | NewMounts), "hosts without user namespaces"),
        Tool("clone3-into-a-user-namespace", _ => Clone3(NewUsers), "hosts without user namespaces"),
        Root("clone-into-a-process-namespace", _ => Clone(NewProcesses)),
        Root("clone3-into-a-process-namespace", _ => Clone3(NewProcesses)),

        Root("become-root", _ => Sys("setresuid", 0, 0, 0)),
        Root("become-the-group-of-root", _ => Sys("setresgid", 0, 0, 0)),
        Root("take-the-groups-of-root", _ => { uint group = 0; Sys("setgroups", 1, (nint)(&group)); }),
        Tool("run-a-set-uid-program", s => RootBy(Path.Combine(s.Tools, "set-uid")), "a gateway that is not root, which can make none"),
        Tool("run-a-program-with-capabilities", s => Capable(Path.Combine(s.Tools, "capable")), "a gateway that is not root, which can make none"),

        Tool("set-up-an-io-ring", _ => { var parameters = stackalloc byte[120]; new Span<byte>(parameters, 120).Clear(); Close(Sys("io_uring_setup", 1, (nint)parameters)); }, "kernels without io_uring"),
        Tool("keep-a-key", _ => { using Text type = new("user"), name = new("escape"), value = new("x"); Sys("add_key", type, name, value, 1, -2); }, "kernels without keys"),
        Tool("open-the-session-keyring", _ => Sys("keyctl", 0, -3, 1), "kernels without keys"),
        Tool("request-a-key", _ => { using Text type = new("user"), name = new("no-such-key"); Reaches("request_key", 126, type, name, 0, 0); }, "kernels without keys"),
        Tool("handle-page-faults", _ => Close(Sys("userfaultfd", 1)), "kernels without userfaultfd"),
        Tool("watch-performance-events", _ =>
        {
            var attributes = stackalloc byte[128];
            new Span<byte>(attributes, 128).Clear();
            ((uint*)attributes)[0] = 1;
            ((uint*)attributes)[1] = 128;
            ((ulong*)attributes)[5] = 0x61; // Disabled, without the kernel and the hypervisor.
            Close(Sys("perf_event_open", (nint)attributes, 0, -1, -1, 0));
        }, "hosts that keep performance events to root"),
        Root("load-a-kernel-program", _ =>
        {
            var map = stackalloc uint[32];
            new Span<uint>(map, 32).Clear();
            (map[0], map[1], map[2], map[3]) = (2, 4, 4, 1);
            Close(Sys("bpf", 0, (nint)map, 72));
        }, where: "kernels without bpf"),
        Root("load-another-kernel", _ => Sys("kexec_load", 0, 0, 0, 0), where: "kernels without kexec"),
        Root("load-a-module", _ => { using Text image = new("not a module"), none = new(""); Reaches("init_module", ExecFormat, image, 12, none); }, where: "kernels without modules"),
        Root("unload-a-module", _ => { using var name = new Text("no_such_module"); Reaches("delete_module", NoEntry, name, 0x800); }, where: "kernels without modules"),
        Root("command-a-restart", _ => Reaches("reboot", Invalid, unchecked((nint)0xfee1dead), 672274793, 0x12345), where: "machines without a restart"),
        Root("stop-process-accounting", _ => Sys("acct", 0), where: "kernels without accounting"),
        Root("read-the-log-of-the-kernel", _ => Sys("syslog", 10)),
        Root("set-the-time", _ => Sys("settimeofday", 0, 0)),
        Root("rename-the-machine", _ => { using var name = new Text(Environment.MachineName); Sys("sethostname", name, Encoding.UTF8.GetByteCount(Environment.MachineName)); }),
        Root("reach-the-ports-of-the-machine", _ => Own(() => Sys("iopl", 3)), where: "machines that are not x86-64"),
        Root("reach-one-port-of-the-machine", _ => Own(() => Sys("ioperm", 0x80, 1, 1)), where: "machines that are not x86-64"),
        Tool("read-the-descriptor-table", _ => { var buffer = stackalloc byte[64]; Sys("modify_ldt", 0, (nint)buffer, 64); }, "machines that are not x86-64"),
        Tool("call-with-the-numbers-of-32-bits", Legacy, "machines that are not x86-64, or without 32-bit calls", alone: true),
        Tool("share-memory-with-everybody", _ => Sys("shmctl", (nint)Sys("shmget", 0x45534301, 4096, 0x3B6), 0, 0)),
        Tool("leave-a-queue-of-messages", _ => Sys("msgctl", (nint)Sys("msgget", 0x45534302, 0x3B6), 0, 0)),
        Tool("leave-a-semaphore", _ => Sys("semctl", (nint)Sys("semget", 0x45534303, 1, 0x3B6), 0, 0)),
        Tool("leave-a-named-queue", _ => { using var name = new Text($"escape-{Environment.ProcessId}"); Close(Sys("mq_open", name, 0x42, 0x1B6, 0)); Sys("mq_unlink", name); }, "kernels without POSIX queues"),
        Root("type-into-a-terminal", _ =>
        {
            var terminal = Open("/dev/ptmx", 2);
            byte letter = (byte)'x';
            Sys("ioctl", (nint)terminal, 0x5412, (nint)(&letter));
        }, where: "kernels without typed terminal input"),
    ];

    /// <summary>Makes the programs that would give rights back.</summary>
    internal static int Prepare(Stage stage)
    {
        File.Copy("/usr/bin/id", Path.Combine(stage.Tools, "set-uid"));
        File.SetUnixFileMode(Path.Combine(stage.Tools, "set-uid"), UnixFileMode.SetUser | (UnixFileMode)0b111_101_101);
        File.Copy("/bin/cat", Path.Combine(stage.Tools, "capable"));
        File.SetUnixFileMode(Path.Combine(stage.Tools, "capable"), (UnixFileMode)0b111_101_101);
        var capability = stackalloc uint[5] { 0x02000001, 2, 0, 0, 0 }; // Revision 2, effective: CAP_DAC_OVERRIDE.
        using Text file = new(Path.Combine(stage.Tools, "capable")), name = new("security.capability");
        Sys("setxattr", file, name, (nint)capability, 20, 0);
        return 0;
    }

    private static Attempt Tool(string name, Action<Stage> attempt, string? where = null, bool alone = false) => new(name, Unconfined.AsTool, attempt, alone, Where: where);

    private static Attempt Root(string name, Action<Stage> attempt, string? where = null) => new(name, Unconfined.AsRoot, attempt, Where: where);

    private static string Folder(Stage stage, string name) => Directory.CreateDirectory(stage.Inside(name)).FullName;

    // On a thread with mounts of its own where it may have them, so that the machine keeps its own.
    private static void Own(Action action) => OnThread(() =>
    {
        const int fileSystemView = 0x200, isPrivate = 0x44000;
        Try("unshare", NewMounts | fileSystemView);
        using Text none = new("none"), root = new("/");
        Try("mount", none, root, none, isPrivate);
        action();
    });

    private static void Undone(Stage stage, string name, Action<string> mount) => Own(() => mount(Folder(stage, name)));

    private static void Mount(string what, string at, string kind, nint flags)
    {
        using Text source = new(what), target = new(at), type = new(kind);
        Sys("mount", source, target, type, flags);
    }

    private static void Unmount(string at)
    {
        using var target = new Text(at);
        Sys("umount2", target, 2);
    }

    private static string Output(string program, params string[] arguments)
    {
        using var run = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        return run.StandardOutput.ReadToEnd() + run.StandardError.ReadToEnd();
    }

    private static void RootBy(string id)
    {
        if (Output(id, "-u").Trim() is not "0" and var user) throw new HeldException($"it ran as {user}");
    }

    private static void Capable(string cat)
    {
        var status = Output(cat, "/proc/self/status");
        if (!status.Contains("CapEff:\t0000000000000002", StringComparison.Ordinal)) throw new HeldException("it had no capability, or said nothing");
    }

    // getpid of the 32-bit table, by the old gate: another table of numbers, which a filter must not let through.
    private static void Legacy(Stage stage)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) throw new HeldException("not on this machine");
        byte[] code = [0x53, 0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0x5B, 0xC3]; // push rbx; mov eax, 20; int 0x80; pop rbx; ret
        var page = (nint)Sys("mmap", 0, 4096, 7, 0x22, -1, 0);
        code.CopyTo(new Span<byte>((void*)page, code.Length));
        var answer = ((delegate* unmanaged<int>)page)();
        if (answer != Environment.ProcessId) throw new HeldException($"it answered {answer}");
    }
}
