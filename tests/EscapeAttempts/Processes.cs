using System.Text;
using static AgentPlatform.EscapeAttempts.Native;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Other processes: of the tool's own user, and the gateway.</summary>
internal static unsafe class Processes
{
    private const int Urgent = 23; // A signal that is ignored unless somebody waits for it.

    internal static readonly Attempt[] All =
    [
        New("read-a-secret-by-the-root-of-a-process", s => s.Leaked(File.ReadAllText($"/proc/{s.Victim}/root{s.Secret}"))),
        New("read-a-secret-by-the-folder-of-a-process", s => s.Leaked(File.ReadAllText($"/proc/{s.Victim}/cwd/{Path.GetFileName(s.Secret)}"))),
        New("read-a-secret-by-the-descriptor-of-a-process", s => s.Leaked(File.ReadAllText($"/proc/{s.Victim}/fd/{s.VictimDescriptor}"))),
        New("read-the-environment-of-a-process", s => s.Leaked(File.ReadAllText($"/proc/{s.Victim}/environ"))),
        New("read-the-memory-map-of-a-process", s => Read($"/proc/{s.Victim}/maps")),
        New("read-the-memory-of-a-process-by-file", s =>
        {
            using var memory = File.OpenRead($"/proc/{s.Victim}/mem");
            var bytes = new byte[s.Canary.Length];
            memory.Position = s.VictimAddress;
            memory.ReadExactly(bytes);
            s.Leaked(Encoding.UTF8.GetString(bytes));
        }),
        New("write-the-memory-of-a-process-by-file", s => Close(Open($"/proc/{s.Victim}/mem", 2))),
        New("make-a-process-the-first-to-be-killed", s => Close(Open($"/proc/{s.Victim}/oom_score_adj", 1))),
        New("attach-to-a-process", s => Trace(16, s.Victim)),
        New("seize-a-process", s => Trace(0x4206, s.Victim)),
        New("read-the-memory-of-a-process", s =>
        {
            var bytes = new byte[s.Canary.Length];
            Vectored("process_vm_readv", s, bytes);
            s.Leaked(Encoding.UTF8.GetString(bytes));
        }),
        New("write-the-memory-of-a-process", s => Vectored("process_vm_writev", s, Encoding.UTF8.GetBytes(s.Canary))),
        New("compare-two-processes", s => Sys("kcmp", s.Victim, Environment.ProcessId, 2), where: "kernels without kcmp"),
        New("signal-a-process", s => Sys("kill", s.Victim, Urgent)),
        New("signal-a-thread", s => Sys("tgkill", s.Victim, s.Victim, Urgent)),
        New("signal-a-process-with-data", s =>
        {
            var info = stackalloc int[32];
            info[0] = Urgent;
            info[2] = -1; // SI_QUEUE
            Sys("rt_sigqueueinfo", s.Victim, Urgent, (nint)info);
        }),
        New("signal-a-process-by-descriptor", s => Sys("pidfd_send_signal", (nint)Sys("pidfd_open", s.Victim), Urgent)),
        New("steal-a-descriptor", s => Close(Sys("pidfd_getfd", (nint)Sys("pidfd_open", s.Victim), s.VictimDescriptor))),
        New("change-the-limits-of-a-process", s =>
        {
            var limit = stackalloc ulong[2] { 0, 0 };
            Sys("prlimit64", s.Victim, 4, (nint)limit);
        }),
        New("slow-a-process-down", s => Sys("setpriority", 0, s.Victim, 19)),
        New("slow-every-process-of-the-user-down", s => Sys("setpriority", 2, 0, 19), alone: true),
        New("bind-a-process-to-one-core", s =>
        {
            ulong cores = 1;
            Sys("sched_setaffinity", s.Victim, 8, (nint)(&cores));
        }),
        New("put-a-process-behind-all-others", s =>
        {
            var priority = 0;
            Sys("sched_setscheduler", s.Victim, 3, (nint)(&priority));
        }),
        New("take-the-disk-from-a-process", s => Sys("ioprio_set", 1, s.Victim, 3 << 13)),
        New("move-the-memory-of-a-process", s =>
        {
            ulong nodes = 1;
            Sys("migrate_pages", s.Victim, 2, (nint)(&nodes), (nint)(&nodes));
        }, where: "kernels without NUMA"),
        New("read-the-environment-of-the-gateway", s => Read($"/proc/{s.Gateway}/environ"), Unconfined.AsRoot),
        New("read-the-memory-of-the-gateway", s => Close(Open($"/proc/{s.Gateway}/mem", 0)), Unconfined.AsRoot),
        New("signal-the-gateway", s => Sys("kill", s.Gateway, Urgent), Unconfined.AsRoot),
        New("read-the-environment-of-the-first-process", s => Read("/proc/1/environ"), Unconfined.AsRoot, where: "hosts whose first process has more rights than root has here"),
        New("use-a-descriptor-that-the-gateway-left-open", s =>
        {
            var bytes = stackalloc byte[100];
            var count = Sys("read", s.InheritedDescriptor, (nint)bytes, 100);
            s.Leaked(Encoding.UTF8.GetString(bytes, (int)count));
        }),
    ];

    private static Attempt New(string name, Action<Stage> attempt, Unconfined by = Unconfined.AsTool, bool alone = false, string? where = null) => new(name, by, attempt, alone, Where: where);

    private static void Read(string file)
    {
        if (File.ReadAllBytes(file).Length == 0) throw new HeldException("nothing to read");
    }

    private static void Trace(nint request, int process)
    {
        Sys("ptrace", request, process);
        const int detach = 17, anyChild = 0x40000000;
        if (request == 16) Try("wait4", process, 0, anyChild); // It stops first.
        Try("ptrace", detach, process);
    }

    private static void Vectored(string call, Stage stage, byte[] bytes)
    {
        var there = stackalloc nint[2] { (nint)stage.VictimAddress, bytes.Length };
        fixed (byte* start = bytes)
        {
            var here = stackalloc nint[2] { (nint)start, bytes.Length };
            Sys(call, stage.Victim, (nint)here, 1, (nint)there, 1);
        }
    }
}
