using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>What the confined thread needs, in memory the garbage collector does not own.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SpawnOrder
{
    public nint Program, Arguments, Environment, Actions, Attributes, Filter;
    public int Ruleset;
    public int Listener, Signal;
    public int OwnNetwork, ProxyListener;
    public int DropUser;
    public uint User, Group;
    public int Pid, Error;
    public SpawnStep Step;
}

/// <summary>Limits to set on a spawned process, each a resource number and a value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LimitOrder
{
    public const int Max = 8;
    public int Pid, DropUser, Count, Error;
    public uint User, Group;
    public fixed ulong Resources[Max];
    public fixed ulong Values[Max];
}

/// <summary>Where a spawn is, so that a failure can name its layer.</summary>
internal enum SpawnStep
{
    Network,
    NoNewPrivileges,
    Landlock,
    Identity,
    Seccomp,
    Descriptors,
    Spawn,
    Done,
}

/// <summary>
/// Takes the confinement on the calling thread and spawns the tool from it. The thread must be a dedicated one and end afterwards: nothing of this can be undone.
/// </summary>
/// <remarks>
/// Between the first restriction and the end nothing here may allocate or load: a collection started on a thread whose signals are scoped by Landlock could not
/// interrupt the other threads on kernels that scope signals inside a process too, and the runtime aborts when it cannot. Hence raw function pointers, resolved
/// before, and a struct in native memory.
/// posix_spawn and not Process.Start: the latter locks, opens pipes and may be moved by the runtime; posix_spawn clones from exactly this thread.
/// </remarks>
internal static unsafe class ConfinedSpawn
{
    private static readonly nint Libc = NativeLibrary.GetMainProgramHandle();
    private static readonly delegate* unmanaged<long, nint, nint, nint, nint, nint, nint, long> Call =
        (delegate* unmanaged<long, nint, nint, nint, nint, nint, nint, long>)NativeLibrary.GetExport(Libc, "syscall");
    private static readonly delegate* unmanaged<int*> ErrorPlace = (delegate* unmanaged<int*>)NativeLibrary.GetExport(Libc, "__errno_location");
    private static readonly delegate* unmanaged<int*, nint, nint, nint, nint, nint, int> Spawn =
        (delegate* unmanaged<int*, nint, nint, nint, nint, nint, int>)NativeLibrary.GetExport(Libc, "posix_spawn");

    private static readonly int Prctl = Syscalls.Prctl.Number, RestrictSelf = Syscalls.RestrictSelf.Number, SetGroups = Syscalls.SetGroups.Number,
        SetGroupIds = Syscalls.SetGroupIds.Number, SetUserIds = Syscalls.SetUserIds.Number, SetFilter = Syscalls.SetFilter.Number,
        CloseRange = Syscalls.CloseRange.Number, Write = Syscalls.Write.Number, Unshare = Syscalls.Unshare.Number, MakeSocket = Syscalls.Socket.Number,
        Control = Syscalls.Ioctl.Number, Bind = Syscalls.Bind.Number, Listen = Syscalls.Listen.Number, PrLimit = Syscalls.PrLimit64.Number;

    /// <summary>Runs static constructors and loads symbols before any thread is confined.</summary>
    internal static bool Prepare()
    {
        foreach (var method in typeof(ConfinedSpawn).GetMethods(BindingFlags.Static | BindingFlags.NonPublic)) RuntimeHelpers.PrepareMethod(method.MethodHandle);
        return Libc != 0 && Call != null && CloseRange > 0 && *ErrorPlace() >= 0;
    }

    /// <summary>Writes to <see cref="SpawnOrder.Signal"/> twice: when the filter listens, and at the end.</summary>
    internal static void Run(SpawnOrder* order)
    {
        Confine(order);
        Tell(order->Signal);
    }

    private static void Confine(SpawnOrder* order)
    {
        const int noNewPrivileges = 38, filterMode = 1, withListener = 8, unshareTable = 2, closeOnExec = 4;

        if (order->OwnNetwork != 0)
        {
            order->Step = SpawnStep.Network;
            if (MakeNetwork(order) != 0) goto failed;
        }
        if (order->Filter != 0 || order->Ruleset >= 0)
        {
            order->Step = SpawnStep.NoNewPrivileges;
            if (Call(Prctl, noNewPrivileges, 1, 0, 0, 0, 0) != 0) goto failed;
        }
        if (order->Ruleset >= 0)
        {
            order->Step = SpawnStep.Landlock;
            if (Call(RestrictSelf, order->Ruleset, 0, 0, 0, 0, 0) != 0) goto failed;
        }
        if (order->DropUser != 0)
        {
            order->Step = SpawnStep.Identity;
            if (Become(order->User, order->Group) != 0) goto failed;
        }
        if (order->Filter != 0)
        {
            order->Step = SpawnStep.Seccomp;
            var listener = Call(SetFilter, filterMode, withListener, order->Filter, 0, 0, 0);
            if (listener < 0) goto failed;
            order->Listener = (int)listener;
            Tell(order->Signal); // The child asks for a session before it is there, and this thread waits for the child: another one has to answer.
        }

        // A private copy of the descriptor table in which everything closes on exec: whatever another thread or a native library opened carelessly,
        // the tool inherits only what the spawn actions duplicate. After the filter, whose listener must be in the table of all.
        order->Step = SpawnStep.Descriptors;
        if (Call(CloseRange, 3, unchecked((nint)uint.MaxValue), unshareTable | closeOnExec, 0, 0, 0) != 0) goto failed;

        order->Step = SpawnStep.Spawn;
        int pid;
        order->Error = Spawn(&pid, order->Program, order->Actions, order->Attributes, order->Arguments, order->Environment);
        if (order->Error != 0) return;
        order->Pid = pid;
        order->Step = SpawnStep.Done;
        return;

    failed:
        order->Error = *ErrorPlace();
    }

    /// <summary>
    /// Limits the process that waits at its gate. On a thread of its own, as the tool's user: root in a container often lacks the capability to limit other users'
    /// processes, but every user may limit its own. Not on the spawning thread, whose filter forbids just this.
    /// </summary>
    internal static void Limit(LimitOrder* order)
    {
        if (order->DropUser != 0 && Become(order->User, order->Group) != 0) goto failed;
        ulong* old = stackalloc ulong[2], wanted = stackalloc ulong[2];
        for (var i = 0; i < order->Count; i++)
        {
            var resource = (nint)order->Resources[i];
            if (Call(PrLimit, order->Pid, resource, 0, (nint)old, 0, 0) != 0) goto failed;
            wanted[0] = wanted[1] = order->Values[i] < old[1] ? order->Values[i] : old[1]; // Never above the hard limit it has.
            if (Call(PrLimit, order->Pid, resource, (nint)wanted, 0, 0, 0) != 0) goto failed;
        }
        return;

    failed:
        order->Error = *ErrorPlace();
    }

    // A namespace in which there is nothing but a loopback, and on it one listener, which is ours: a socket stays in the namespace it was made in.
    private static long MakeNetwork(SpawnOrder* order)
    {
        const int newNetwork = 0x40000000, internet = 2, streamCloseOnExec = 0x80001, setFlags = 0x8914, waiting = 64;
        if (Call(Unshare, newNetwork, 0, 0, 0, 0, 0) != 0) return -1;
        var fd = Call(MakeSocket, internet, streamCloseOnExec, 0, 0, 0, 0);
        if (fd < 0) return -1;
        order->ProxyListener = (int)fd;

        byte* device = stackalloc byte[40], address = stackalloc byte[16];
        (device[0], device[1]) = ((byte)'l', (byte)'o');
        *(ushort*)(device + 16) = 0x41; // Up and running.
        if (Call(Control, (nint)fd, setFlags, (nint)device, 0, 0, 0) != 0) return -1;
        *(ushort*)address = internet;
        (address[2], address[3], address[4], address[7]) = (Egress.EgressProxy.Port >> 8, Egress.EgressProxy.Port & 0xFF, 127, 1);
        if (Call(Bind, (nint)fd, (nint)address, 16, 0, 0, 0) != 0) return -1;
        return Call(Listen, (nint)fd, waiting, 0, 0, 0, 0);
    }

    private static void Tell(int signal)
    {
        ulong one = 1;
        _ = Call(Write, signal, (nint)(&one), sizeof(ulong), 0, 0, 0);
    }

    // The raw calls change this thread only; the C library's wrappers would change the whole gateway.
    private static long Become(uint user, uint group)
    {
        var failed = Call(SetGroups, 0, 0, 0, 0, 0, 0);
        if (failed == 0) failed = Call(SetGroupIds, (nint)group, (nint)group, (nint)group, 0, 0, 0);
        if (failed == 0) failed = Call(SetUserIds, (nint)user, (nint)user, (nint)user, 0, 0, 0);
        return failed;
    }
}
