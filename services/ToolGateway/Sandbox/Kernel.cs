using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>The system calls of the sandbox that may run anywhere. Those of the confined thread are in <see cref="ConfinedSpawn"/>.</summary>
internal static unsafe partial class Kernel
{
    internal const short PollIn = 1, PollOut = 4, PollErr = 8, PollHup = 16;
    internal const int ESRCH = 3, EINTR = 4, EAGAIN = 11, EPIPE = 32;
    internal const int SigKill = 9;

    /// <summary>Which column of the system call table this machine uses.</summary>
    internal static bool IsArm { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <summary>The system call numbers and the filter are written for these two; elsewhere nothing is promised, so nothing starts.</summary>
    internal static bool IsKnownMachine { get; } = OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    internal static int Error => Marshal.GetLastPInvokeError();

    internal static string Explain(int error) => Marshal.GetPInvokeErrorMessage(error);

    [StructLayout(LayoutKind.Sequential)]
    internal struct PollFd
    {
        public int Fd;
        public short Events, Seen;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial long Syscall(long number, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe(int* ends, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int fd, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int EventFd(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollFd* fds, ulong count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    internal static partial int Wait(int pid, int* status, int options);

    /// <summary>A pipe whose ends close on exec and lie above the descriptors a child is given, so that no dup2 overwrites another's source.</summary>
    internal static (int Read, int Write) MakePipe()
    {
        const int closeOnExec = 0x80000;
        var ends = stackalloc int[2];
        if (Pipe(ends, closeOnExec) != 0) throw Failed("pipe2");
        return (Lift(ends[0]), Lift(ends[1]));

        static int Lift(int fd)
        {
            const int duplicateCloseOnExec = 1030, first = 10;
            if (fd >= first) return fd;
            var lifted = Control(fd, duplicateCloseOnExec, first);
            if (lifted < 0) throw Failed("fcntl(F_DUPFD_CLOEXEC)");
            _ = Close(fd);
            return lifted;
        }
    }

    internal static void MakeNonBlocking(int fd)
    {
        const int setFlags = 4, nonBlocking = 0x800;
        if (Control(fd, setFlags, nonBlocking) != 0) throw Failed("fcntl(O_NONBLOCK)");
    }

    /// <summary>A descriptor that becomes readable when the process ends.</summary>
    internal static int OpenProcess(int pid)
    {
        const long pidfdOpen = 434;
        var fd = (int)Syscall(pidfdOpen, pid, 0, 0, 0);
        return fd >= 0 ? fd : throw Failed("pidfd_open");
    }

    internal static System.ComponentModel.Win32Exception Failed(string call) => new(Error, $"{call}: {Explain(Error)}");
}
