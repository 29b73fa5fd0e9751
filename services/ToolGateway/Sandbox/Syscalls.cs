namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>A system call with its number on x86-64 and on arm64; -1 where the machine has none.</summary>
internal readonly record struct Syscall(string Name, int X64, int Arm64)
{
    public int Number => Kernel.IsArm ? Arm64 : X64;
}

/// <summary>Numbers from the kernel's tables (unistd_64.h and asm-generic/unistd.h); they never change.</summary>
internal static class Syscalls
{
    internal static readonly Syscall Clone = new("clone", 56, 220), Clone3 = new("clone3", 435, 435), Socket = new("socket", 41, 198),
        SocketPair = new("socketpair", 53, 199), Ioctl = new("ioctl", 16, 29), PrLimit64 = new("prlimit64", 302, 261), SendTo = new("sendto", 44, 206),
        SendMessage = new("sendmsg", 46, 211), SendMessages = new("sendmmsg", 307, 269), Truncate = new("truncate", 76, 45), Open = new("open", 2, -1),
        OpenAt = new("openat", 257, 56), OpenAt2 = new("openat2", 437, 437), Prctl = new("prctl", 157, 167), SetGroups = new("setgroups", 116, 159),
        SetGroupIds = new("setresgid", 119, 149), SetUserIds = new("setresuid", 117, 147), SetFilter = new("seccomp", 317, 277),
        Write = new("write", 1, 64), Unshare = new("unshare", 272, 97), Bind = new("bind", 49, 200), Listen = new("listen", 50, 201),
        SetSession = new("setsid", 112, 157), SetPriority = new("setpriority", 141, 140), SetDiskPriority = new("ioprio_set", 251, 30), CloseRange = new("close_range", 436, 436), RestrictSelf = new("landlock_restrict_self", 446, 446);

    /// <summary>May be called for the caller itself (0), not for another process: the user's other processes run outside.</summary>
    internal static readonly Syscall[] OnlyForItself =
        [new("sched_setaffinity", 203, 122), new("sched_setscheduler", 144, 119), new("sched_setparam", 142, 118), new("sched_setattr", 314, 274)];

    /// <summary>Landlock does not see them: they would write to every file that the user may write to. Answered as by a file system that has no attributes.</summary>
    internal static readonly Syscall[] Attributes =
    [
        new("setxattr", 188, 5), new("lsetxattr", 189, 6), new("fsetxattr", 190, 7), new("removexattr", 197, 14), new("lremovexattr", 198, 15), new("fremovexattr", 199, 16),
        new("setxattrat", 463, 463), new("removexattrat", 466, 466),
    ];

    internal static readonly Syscall[] Denied =
    [
        // Other views of the file system: Landlock rules follow files, but a new mount can hide or uncover them.
        new("mount", 165, 40), new("umount2", 166, 39), new("pivot_root", 155, 41), new("chroot", 161, 51), new("fsopen", 430, 430),
        new("fsconfig", 431, 431), new("fsmount", 432, 432), new("fspick", 433, 433), new("move_mount", 429, 429), new("open_tree", 428, 428),
        new("mount_setattr", 442, 442), new("open_tree_attr", 467, 467), new("quotactl", 179, 60), new("quotactl_fd", 443, 443), new("swapon", 167, 224),
        new("swapoff", 168, 225), new("fanotify_init", 300, 262), new("nfsservctl", 180, 42), new("lookup_dcookie", 212, 18),

        // Files by handle pass by every path rule.
        new("name_to_handle_at", 303, 264), new("open_by_handle_at", 304, 265),

        // Other processes.
        new("ptrace", 101, 117), new("process_vm_readv", 310, 270), new("process_vm_writev", 311, 271), new("process_madvise", 440, 440),
        new("process_mrelease", 448, 448), new("kcmp", 312, 272), new("pidfd_getfd", 438, 438), new("move_pages", 279, 239), new("migrate_pages", 256, 238),

        // Namespaces: a user namespace brings every capability back inside.
        Unshare, new("setns", 308, 268),

        // Memory and queues that outlive the call and are shared with whoever has the same user id.
        new("shmget", 29, 194), new("msgget", 68, 186), new("semget", 64, 190), new("mq_open", 240, 180),

        // Keys of the user's session.
        new("add_key", 248, 217), new("request_key", 249, 218), new("keyctl", 250, 219),

        // Large or privileged kernel surface. io_uring would also carry out calls that this filter never sees.
        new("bpf", 321, 280), new("perf_event_open", 298, 241), new("userfaultfd", 323, 282), new("io_uring_setup", 425, 425),
        new("io_uring_enter", 426, 426), new("io_uring_register", 427, 427), new("kexec_load", 246, 104), new("kexec_file_load", 320, 294),
        new("init_module", 175, 105), new("finit_module", 313, 273), new("delete_module", 176, 106), new("reboot", 169, 142), new("acct", 163, 89),
        new("syslog", 103, 116), new("settimeofday", 164, 170), new("clock_settime", 227, 112), new("clock_adjtime", 305, 266), new("adjtimex", 159, 171),
        new("sethostname", 170, 161), new("setdomainname", 171, 162), new("vhangup", 153, 58), new("iopl", 172, -1), new("ioperm", 173, -1),
        new("modify_ldt", 154, -1), new("uselib", 134, -1), new("ustat", 136, -1), new("sysfs", 139, -1),
    ];
}
