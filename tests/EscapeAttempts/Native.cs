using System.Runtime.InteropServices;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Raw system calls.</summary>
internal static unsafe partial class Native
{
    private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    internal const nint Here = -100; // AT_FDCWD

    /// <summary>Numbers on x86-64 and arm64.</summary>
    private static readonly Dictionary<string, (int X64, int Arm64)> Numbers = new(StringComparer.Ordinal)
    {
        ["read"] = (0, 63), ["write"] = (1, 64), ["close"] = (3, 57), ["mmap"] = (9, 222), ["ioctl"] = (16, 29), ["socket"] = (41, 198), ["connect"] = (42, 203),
        ["sendto"] = (44, 206), ["bind"] = (49, 200), ["listen"] = (50, 201), ["socketpair"] = (53, 199), ["kill"] = (62, 129), ["renameat2"] = (316, 276),
        ["mkdirat"] = (258, 34), ["linkat"] = (265, 37), ["symlinkat"] = (266, 36), ["unlinkat"] = (263, 35), ["mknodat"] = (259, 33), ["truncate"] = (76, 45),
        ["openat"] = (257, 56), ["fchmodat"] = (268, 53), ["fchownat"] = (260, 54), ["setxattr"] = (188, 5), ["lsetxattr"] = (189, 6), ["removexattr"] = (197, 14), ["ptrace"] = (101, 117),
        ["setpriority"] = (141, 140), ["sched_setaffinity"] = (203, 122), ["sched_setscheduler"] = (144, 119), ["ioprio_set"] = (251, 30), ["mount"] = (165, 40),
        ["umount2"] = (166, 39), ["pivot_root"] = (155, 41), ["chroot"] = (161, 51), ["unshare"] = (272, 97), ["setns"] = (308, 268), ["clone"] = (56, 220),
        ["clone3"] = (435, 435), ["exit_group"] = (231, 94), ["wait4"] = (61, 260), ["tgkill"] = (234, 131), ["rt_sigqueueinfo"] = (129, 138),
        ["pidfd_open"] = (434, 434), ["pidfd_send_signal"] = (424, 424), ["pidfd_getfd"] = (438, 438), ["process_vm_readv"] = (310, 270),
        ["process_vm_writev"] = (311, 271), ["kcmp"] = (312, 272), ["prlimit64"] = (302, 261), ["io_uring_setup"] = (425, 425), ["add_key"] = (248, 217),
        ["request_key"] = (249, 218), ["keyctl"] = (250, 219), ["bpf"] = (321, 280), ["userfaultfd"] = (323, 282), ["perf_event_open"] = (298, 241),
        ["kexec_load"] = (246, 104), ["init_module"] = (175, 105), ["finit_module"] = (313, 273), ["delete_module"] = (176, 106), ["reboot"] = (169, 142),
        ["acct"] = (163, 89), ["swapon"] = (167, 224), ["swapoff"] = (168, 225), ["syslog"] = (103, 116), ["settimeofday"] = (164, 170),
        ["sethostname"] = (170, 161), ["iopl"] = (172, -1), ["ioperm"] = (173, -1), ["modify_ldt"] = (154, -1), ["fanotify_init"] = (300, 262),
        ["shmget"] = (29, 194), ["msgget"] = (68, 186), ["semget"] = (64, 190), ["mq_open"] = (240, 180), ["mq_unlink"] = (241, 181),
        ["shmctl"] = (31, 195), ["msgctl"] = (71, 187), ["semctl"] = (66, 191), ["name_to_handle_at"] = (303, 264), ["open_by_handle_at"] = (304, 265),
        ["fsopen"] = (430, 430), ["open_tree"] = (428, 428), ["move_mount"] = (429, 429), ["mount_setattr"] = (442, 442), ["setresuid"] = (117, 147),
        ["setresgid"] = (119, 149), ["setgroups"] = (116, 159), ["memfd_create"] = (319, 279), ["migrate_pages"] = (256, 238), ["move_pages"] = (279, 239),
        ["personality"] = (135, 92), ["fcntl"] = (72, 25), ["prctl"] = (157, 167), ["setsid"] = (112, 157), ["fallocate"] = (285, 47), ["utimensat"] = (280, 88),
    };

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Call(long number, nint a, nint b, nint c, nint d, nint e, nint f);

    // Without the runtime's transitions: after a raw clone the child is one thread of a runtime that expects others.
    [LibraryImport("libc", EntryPoint = "syscall"), SuppressGCTransition]
    private static partial long CallQuietly(long number, nint a, nint b, nint c, nint d, nint e, nint f);

    [LibraryImport("libc", EntryPoint = "setresuid", SetLastError = true)]
    private static partial int SetUser(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "setresgid", SetLastError = true)]
    private static partial int SetGroup(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nint count, nint groups);

    /// <summary>The call, or why it failed.</summary>
    internal static long Sys(string name, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0)
    {
        var (result, error) = Try(name, a, b, c, d, e, f);
        return result >= 0 ? result : throw new HeldException($"{name}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    internal static (long Result, int Error) Try(string name, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0)
    {
        var number = IsArm ? Numbers[name].Arm64 : Numbers[name].X64;
        if (number < 0) throw new HeldException($"{name}: not on this machine");
        var result = Call(number, a, b, c, d, e, f);
        return (result, result < 0 ? Marshal.GetLastPInvokeError() : 0);
    }

    /// <summary>Past the gate: what is asked for is wrong on purpose, so the answer of who would have done it is another error than a refusal.</summary>
    internal static void Reaches(string name, int answer, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0)
    {
        var (result, error) = Try(name, a, b, c, d, e);
        if (result < 0 && error != answer) throw new HeldException($"{name}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>A child in new namespaces, which ends at once.</summary>
    internal static void Clone(nint flags)
    {
        const int childSignal = 17;
        var (clone, exit) = IsArm ? (Numbers["clone"].Arm64, Numbers["exit_group"].Arm64) : (Numbers["clone"].X64, Numbers["exit_group"].X64);
        var child = CallQuietly(clone, flags | childSignal, 0, 0, 0, 0, 0);
        if (child == 0) CallQuietly(exit, 0, 0, 0, 0, 0, 0);
        Reap(child, "clone");
    }

    internal static void Clone3(ulong flags)
    {
        var arguments = stackalloc ulong[8];
        arguments[0] = flags;
        arguments[4] = 17;
        var exit = IsArm ? Numbers["exit_group"].Arm64 : Numbers["exit_group"].X64;
        var child = CallQuietly(Numbers["clone3"].X64, (nint)arguments, 64, 0, 0, 0, 0);
        if (child == 0) CallQuietly(exit, 0, 0, 0, 0, 0, 0);
        Reap(child, "clone3");
    }

    internal static long Open(string path, int flags, int mode = 0x1B6)
    {
        using var text = new Text(path);
        return Sys("openat", Here, text, flags, mode);
    }

    internal static void Close(long fd) => Try("close", (nint)fd);

    /// <summary>Everything of a thread's file system view becomes its own, and the thread ends with it.</summary>
    internal static void OnThread(Action action)
    {
        Exception? failed = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (HeldException e)
            {
                failed = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failed is not null) throw failed;
    }

    internal static void Become(uint user)
    {
        if (SetGroups(0, 0) != 0 || SetGroup(user, user, user) != 0 || SetUser(user, user, user) != 0) throw new InvalidOperationException($"Cannot become user {user}");
        const int setDumpable = 4;
        Try("prctl", setDumpable, 1); // A process that changed its user is closed to its own user otherwise, in /proc too.
    }

    private static void Reap(long child, string name)
    {
        if (child < 0) throw new HeldException($"{name} was refused");
        Try("wait4", (nint)child);
    }

    /// <summary>A text for the kernel.</summary>
    internal sealed class Text(string text) : IDisposable
    {
        private readonly nint _bytes = Marshal.StringToCoTaskMemUTF8(text);

        public static implicit operator nint(Text text) => text._bytes;

        public void Dispose() => Marshal.FreeCoTaskMem(_bytes);
    }
}
