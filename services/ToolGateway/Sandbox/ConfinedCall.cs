using System.ComponentModel;
using System.Globalization;
using System.IO.Pipes;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using AgentPlatform.ToolGateway.Sandbox.Egress;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>
/// One sandboxed process from spawn to reaping, kept by one thread: it spawns through a second, short-lived thread, sets the limits, opens the gate, then waits in
/// poll for output, exit, cancellation or the deadline. One thread and no callbacks: there is no order of events to get wrong.
/// </summary>
internal sealed unsafe class ConfinedCall : IDisposable
{
    // The child is a shell that waits for a line before it becomes the tool: limits belong to a process, so they can be set only once it exists,
    // and it must not run a single instruction of the tool before. End-of-file instead of a line means that the gateway is gone.
    private const string Gate = "umask 022; read -r go <&3 || exit 125; exec 3<&-; exec \"$@\"";
    private const int InputEnd = 0, OutputEnd = 1, ErrorEnd = 2, GateEnd = 3;
    private const int ThreadStackBytes = 256 * 1024;

    private readonly SandboxCommand command;
    private readonly SandboxPlan plan;
    private readonly Guardian guardian;
    private readonly TimeProvider time;
    private readonly TaskCompletionSource<SandboxResult> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<int> open = [];
    private readonly int cancelSignal;
    private readonly bool streams;
    private readonly TaskCompletionSource<ProcessStreams> started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int disposed;

    public ConfinedCall(SandboxCommand command, SandboxPlan plan, Guardian guardian, TimeProvider time, bool streams)
    {
        (this.command, this.plan, this.guardian, this.time, this.streams) = (command, plan, guardian, time, streams);
        cancelSignal = MakeSignal();
    }

    /// <summary>Names the call's own temp folder.</summary>
    private string Id { get; } = Guid.CreateVersion7().ToString("N", CultureInfo.InvariantCulture);

    /// <summary>The process runs and its streams are the caller's; never completes for a call that does not give them out.</summary>
    public Task<ProcessStreams> Started => started.Task;

    public Task<SandboxResult> Run()
    {
        new Thread(Keep, ThreadStackBytes) { IsBackground = true, Name = "sandbox call" }.Start();
        return done.Task;
    }

    public void Cancel()
    {
        ulong one = 1;
        if (Volatile.Read(ref disposed) == 0) _ = Kernel.Write(cancelSignal, (byte*)&one, sizeof(ulong));
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0) _ = Kernel.Close(cancelSignal);
    }

    private void Keep()
    {
        try
        {
            done.SetResult(SpawnAndSupervise());
        }
        catch (Exception error)
        {
            done.SetException(error); // Nobody above this thread could see it otherwise.
        }
        finally
        {
            CloseAll();
        }
    }

    private SandboxResult SpawnAndSupervise()
    {
        var began = time.GetTimestamp();
        using var scratch = ScratchFolder.Make(command.Workspace, Id);
        var input = Pipe();
        var output = Pipe();
        var errors = Pipe();
        var gate = Pipe();

        SafeFileHandle folder;
        try
        {
            folder = command.Workspace.OpenFolder(command.Folder);
        }
        catch (WorkspaceRefusedException refusal)
        {
            return new SandboxResult.NotStarted(refusal.Message);
        }

        int pid, listener = -1, proxy = -1;
        using (folder)
        using (var ruleset = Landlock.Abi > 0 ? Landlock.Build(plan.Writable(command.Workspace.Root)) : null)
        using (var memory = new SpawnMemory())
        {
            Describe(memory, folder, ruleset, scratch, (input.Read, output.Write, errors.Write, gate.Read));
            var order = memory.Order;
            order->Signal = Own(MakeSignal());
            var thread = new Thread(() => ConfinedSpawn.Run(order), ThreadStackBytes) { IsBackground = true, Name = "sandbox spawn" };
            thread.Start();
            SessionRequests.LetSpawn(order->Signal, order);
            thread.Join();
            if (order->Listener >= 0) listener = Own(order->Listener);
            if (order->ProxyListener >= 0) proxy = Own(order->ProxyListener);
            if (order->Step != SpawnStep.Done) return Failed(order->Step, order->Error);
            pid = order->Pid;
        }

        guardian.Watch(pid);
        open.Remove(proxy); // The proxy closes it.
        using var egress = proxy >= 0 ? new EgressProxy(new Socket(new SafeSocketHandle(proxy, ownsHandle: true)), new HostGrants(plan.Hosts), command.OnEgress ?? (static _ => { })) : null;
        try
        {
            Limit(pid);
            foreach (var end in (int[])[input.Read, output.Write, errors.Write, gate.Read]) Close(end);
            OpenGate(gate.Write);
            var (feed, read, readErrors) = streams ? GiveOut(input.Write, output.Read, errors.Read) : (input.Write, output.Read, errors.Read);
            return new CallSupervision(command, plan.Limits, time, pid, feed, read, readErrors, listener, cancelSignal, Close).Run(began, Layers());
        }
        catch
        {
            CallProcesses.Kill(pid);
            int status;
            _ = Kernel.Wait(pid, &status, 0);
            throw;
        }
        finally
        {
            guardian.Forget(pid);
        }
    }

    private void Describe(SpawnMemory memory, SafeFileHandle folder, SafeFileHandle? ruleset, ScratchFolder scratch, (int Input, int Output, int Errors, int Gate) ends)
    {
        var environment = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = Confinement.SearchPath,
            ["HOME"] = scratch.Path,
            ["TMPDIR"] = scratch.Path,
            ["LANG"] = "C.UTF-8",
            ["LC_ALL"] = "C.UTF-8",
            ["TZ"] = "UTC",
        };
        if (plan.Network == NetworkAccess.Hosts)
        {
            foreach (var name in (string[])["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]) environment[name] = $"http://127.0.0.1:{EgressProxy.Port}";
            environment["NODE_USE_ENV_PROXY"] = "1"; // Node.js looks at the others only then.
        }
        foreach (var (name, value) in command.Environment) environment[name] = value;

        memory.Program("/bin/sh", ["sh", "-c", Gate, "sh", .. command.Arguments], environment.Select(pair => $"{pair.Key}={pair.Value}"));
        memory.Give(ends.Input, InputEnd);
        memory.Give(ends.Output, OutputEnd);
        memory.Give(ends.Errors, ErrorEnd);
        memory.Give(ends.Gate, GateEnd);
        memory.StartIn((int)folder.DangerousGetHandle());
        memory.Filter(Seccomp.Build(plan.Network, Landlock.HandlesTruncate));
        memory.Order->OwnNetwork = plan.Network == NetworkAccess.Hosts ? 1 : 0;
        if (ruleset is not null) memory.Order->Ruleset = (int)ruleset.DangerousGetHandle();
        if (command.Workspace.Owner is not { } owner) return;
        memory.Order->DropUser = 1;
        memory.Order->User = owner.User;
        memory.Order->Group = owner.Group;
    }

    private void Limit(int pid)
    {
        const int cpu = 0, fileSize = 1, data = 2, core = 4, processes = 6, openFiles = 7;
        var limits = plan.Limits;
        // The kernel counts all processes of the user. A dropped user has only the run's own; otherwise the user's others are added.
        var others = command.Workspace.Owner is null ? UserTasks.Count(time) : 0;
        (int Resource, long Value)[] wanted =
        [
            (cpu, (long)Math.Max(1, Math.Ceiling(limits.Cpu.TotalSeconds))), (fileSize, limits.FileBytesMax), (data, limits.MemoryBytesMax), (core, 0),
            (openFiles, limits.OpenFilesMax), (processes, others + limits.ProcessesMax),
        ];
        var order = (LimitOrder*)NativeMemory.AllocZeroed((nuint)sizeof(LimitOrder));
        try
        {
            order->Pid = pid;
            foreach (var (resource, value) in wanted)
            {
                order->Resources[order->Count] = (ulong)resource;
                order->Values[order->Count++] = (ulong)value;
            }
            if (command.Workspace.Owner is { } owner) (order->DropUser, order->User, order->Group) = (1, owner.User, owner.Group);
            if (order->DropUser == 0)
            {
                ConfinedSpawn.Limit(order);
            }
            else
            {
                var thread = new Thread(() => ConfinedSpawn.Limit(order), ThreadStackBytes) { IsBackground = true, Name = "sandbox limits" };
                thread.Start();
                thread.Join();
            }
            // ESRCH: the child is gone already, which the supervision reports better.
            if (order->Error is not 0 and not Kernel.ESRCH) throw new Win32Exception(order->Error, $"The tool's limits could not be set: {Kernel.Explain(order->Error)}");
        }
        finally
        {
            NativeMemory.Free(order);
        }
    }

    private void OpenGate(int gate)
    {
        var line = (byte)'\n';
        if (Kernel.Write(gate, &line, 1) != 1 && Kernel.Error != Kernel.EPIPE) throw Kernel.Failed("write to the gate");
        Close(gate);
    }

    private List<LayerInForce> Layers()
    {
        var layers = new List<LayerInForce>
        {
            new(SandboxLayer.NoNewPrivileges, "no_new_privs"),
            new(SandboxLayer.Syscalls, "seccomp"),
            new(SandboxLayer.Network, plan.Network == NetworkAccess.Internet ? "seccomp (TCP and UDP open)" : plan.Network == NetworkAccess.Hosts ? "own namespace, egress proxy, seccomp, landlock" : Landlock.HandlesPorts ? "seccomp, landlock" : "seccomp"),
            new(SandboxLayer.Limits, "rlimits, watched memory and disk"),
        };
        if (Landlock.Abi > 0) layers.Add(new(SandboxLayer.Files, $"landlock abi {Landlock.Abi}"));
        if (Landlock.HandlesSignals) layers.Add(new(SandboxLayer.Signals, "landlock scope"));
        layers.Add(new(SandboxLayer.Identity, command.Workspace.Owner is { } owner ? $"user {owner.User}" : "unprivileged gateway"));
        return layers;
    }

    private static SandboxResult.Refused Failed(SpawnStep step, int error) => step switch
    {
        SpawnStep.Network => new SandboxResult.Refused(SandboxLayer.Network, $"A network namespace of the call's own could not be made: {Kernel.Explain(error)}. Hosts can be granted only by a gateway that " +
            "runs as root with CAP_SYS_ADMIN; otherwise grant ports, or nothing."),
        SpawnStep.Landlock => new SandboxResult.Refused(SandboxLayer.Files, $"Landlock could not be put on: {Kernel.Explain(error)}; see whether the container's own filter denies it."),
        SpawnStep.Seccomp => new SandboxResult.Refused(SandboxLayer.Syscalls, $"The seccomp filter was not accepted: {Kernel.Explain(error)}; the kernel needs CONFIG_SECCOMP_FILTER."),
        SpawnStep.NoNewPrivileges => new SandboxResult.Refused(SandboxLayer.NoNewPrivileges, $"no_new_privs was refused: {Kernel.Explain(error)}."),
        SpawnStep.Identity => new SandboxResult.Refused(SandboxLayer.Identity,
            $"The tool's user could not be taken: {Kernel.Explain(error)}; run the gateway as a normal user, or map user ids up to 65535 into its container."),
        _ => throw new Win32Exception(error, $"The tool could not be spawned ({step}): {Kernel.Explain(error)}"),
    };

    // Not ours to close any more, and not ours to read.
    private (int, int, int) GiveOut(int input, int output, int errors)
    {
        foreach (var fd in (int[])[input, output, errors]) open.Remove(fd);
        started.SetResult(new(Pipe(PipeDirection.Out, input), Pipe(PipeDirection.In, output), Pipe(PipeDirection.In, errors), Layers()));
        return (-1, -1, -1);

        static AnonymousPipeClientStream Pipe(PipeDirection direction, int fd) => new(direction, new SafePipeHandle(fd, ownsHandle: true));
    }

    private static int MakeSignal()
    {
        const int closeOnExec = 0x80000;
        var signal = Kernel.EventFd(0, closeOnExec);
        return signal >= 0 ? signal : throw Kernel.Failed("eventfd");
    }

    private int Own(int fd)
    {
        open.Add(fd);
        return fd;
    }

    private (int Read, int Write) Pipe()
    {
        var pipe = Kernel.MakePipe();
        open.Add(pipe.Read);
        open.Add(pipe.Write);
        return pipe;
    }

    private void Close(int fd)
    {
        if (open.Remove(fd)) _ = Kernel.Close(fd);
    }

    private void CloseAll()
    {
        foreach (var fd in open) _ = Kernel.Close(fd);
        open.Clear();
    }
}
