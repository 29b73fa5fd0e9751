using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>One instruction of classic BPF, as the kernel reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct BpfInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

/// <summary>
/// The seccomp filter: a list of what is denied. What Landlock already governs (files) is left to it; here goes the kernel surface that no tool needs, and
/// every socket that the plan does not allow. Denials answer EPERM rather than kill, so that programs which only probe go on.
/// </summary>
internal static class Seccomp
{
    private const ushort Load = 0x20, JumpEqual = 0x15, JumpAtLeast = 0x35, JumpAnySet = 0x45, And = 0x54, Return = 0x06;
    private const uint Allow = 0x7fff0000, KillProcess = 0x80000000, Errno = 0x00050000;
    private const uint AskUs = 0x7fc00000;
    private const uint EPERM = 1, ENOSYS = 38, EOPNOTSUPP = 95;
    private const uint NumberOffset = 0, MachineOffset = 4;
    private const uint MachineX64 = 0xC000003E, MachineArm64 = 0xC00000B7;

    // mount, cgroup, uts, ipc, user, pid and net namespaces. The time namespace shares a bit with the exit signal and exists only in clone3 and unshare.
    private const uint NamespaceFlags = 0x7E020000;

    private const uint AfUnix = 1, AfInet = 2, AfInet6 = 10, SockStream = 1, SockDatagram = 2, SockSequenced = 5, SockTypeMask = 0xF, ProtocolTcp = 6;
    private const uint OpenTruncate = 0x200, OpenAccessMask = 3, FastOpen = 0x20000000;
    private const uint FakeTerminalInput = 0x5412, LinuxConsole = 0x541C;

    /// <summary>The program for a plan. <paramref name="handlesTruncate"/> false adds what old Landlock versions miss.</summary>
    internal static BpfInstruction[] Build(NetworkAccess network, bool handlesTruncate)
    {
        var program = new Program();
        program.RequireMachine();
        foreach (var call in Syscalls.Denied) program.Deny(call);
        program.Answer(Syscalls.Clone3, ENOSYS); // Its flags lie in memory, out of the filter's sight; C libraries fall back to clone.
        program.Give(Syscalls.SetSession, AskUs); // See SessionRequests.
        foreach (var call in Syscalls.Attributes) program.Answer(call, EOPNOTSUPP);
        foreach (var call in Syscalls.OnlyForItself) program.DenyUnless(call, [[new(0, JumpEqual, 0)]]);
        program.DenyUnless(Syscalls.SetPriority, [[new(0, JumpEqual, 0), new(1, JumpEqual, 0)]]); // A process, itself; not a group or a user.
        program.DenyUnless(Syscalls.SetDiskPriority, [[new(0, JumpEqual, 1), new(1, JumpEqual, 0)]]);
        program.DenyIf(Syscalls.Clone, [new(0, JumpAnySet, NamespaceFlags)]);
        program.DenyIf(Syscalls.Ioctl, [new(1, JumpEqual, FakeTerminalInput)]);
        program.DenyIf(Syscalls.Ioctl, [new(1, JumpEqual, LinuxConsole)]);
        program.DenyUnless(Syscalls.PrLimit64, [[new(0, JumpEqual, 0)]]); // Only its own limits.
        // Not datagrams: one end of such a pair can be turned towards any local socket. The other kinds stay connected to each other.
        program.DenyUnless(Syscalls.SocketPair, [.. from type in (uint[])[SockStream, SockSequenced] select (Condition[])[new(0, JumpEqual, AfUnix), new(1, JumpEqual, type, SockTypeMask)]]);
        program.DenyUnless(Syscalls.Socket, SocketsOf(network));
        if (network is NetworkAccess.TcpPorts or NetworkAccess.Hosts)
        {
            // Data sent with the opening packet does not pass the hook that checks the port.
            program.DenyIf(Syscalls.SendTo, [new(3, JumpAnySet, FastOpen)]);
            program.DenyIf(Syscalls.SendMessage, [new(2, JumpAnySet, FastOpen)]);
            program.DenyIf(Syscalls.SendMessages, [new(3, JumpAnySet, FastOpen)]);
        }
        if (!handlesTruncate)
        {
            // Before ABI 3 Landlock sees no truncation: by path, or by opening for reading with O_TRUNC.
            program.Deny(Syscalls.Truncate);
            program.Answer(Syscalls.OpenAt2, ENOSYS);
            program.DenyIf(Syscalls.OpenAt, [new(2, JumpAnySet, OpenTruncate), new(2, JumpEqual, 0, OpenAccessMask)]);
            if (!Kernel.IsArm) program.DenyIf(Syscalls.Open, [new(1, JumpAnySet, OpenTruncate), new(1, JumpEqual, 0, OpenAccessMask)]);
        }
        return program.Finish();
    }

    // A local socket is not among them even with the internet allowed: Landlock does not see a connect to /run/docker.sock or an agent's socket.
    private static Condition[][] SocketsOf(NetworkAccess network) => network switch
    {
        NetworkAccess.TcpPorts or NetworkAccess.Hosts =>
        [
            // Protocols other than 0 and TCP (multipath TCP, SMC) would pass by Landlock's port rules.
            .. from family in (uint[])[AfInet, AfInet6]
               from protocol in (uint[])[0, ProtocolTcp]
               select (Condition[])[new(0, JumpEqual, family), new(1, JumpEqual, SockStream, SockTypeMask), new(2, JumpEqual, protocol)],
        ],
        NetworkAccess.Internet =>
        [
            .. from family in (uint[])[AfInet, AfInet6]
               from type in (uint[])[SockStream, SockDatagram]
               select (Condition[])[new(0, JumpEqual, family), new(1, JumpEqual, type, SockTypeMask)],
        ],
        _ => [],
    };

    /// <summary>A test of the low half of one argument; the kernel itself reads no more of these.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Condition(int Argument, ushort Test, uint Value, uint Mask = uint.MaxValue)
    {
        public uint Offset => (uint)(16 + (8 * Argument));
        public int Length => Mask == uint.MaxValue ? 2 : 3;
    }

    private sealed class Program
    {
        private readonly List<BpfInstruction> code = [];

        public void RequireMachine()
        {
            Add(Load, MachineOffset);
            Add(JumpEqual, Kernel.IsArm ? MachineArm64 : MachineX64, 1, 0);
            Add(Return, KillProcess); // 32-bit calls have other numbers: a filter that let them through would deny the wrong things.
            Add(Load, NumberOffset);
            if (Kernel.IsArm) return;
            Add(JumpAtLeast, 0x40000000, 0, 1); // x32 calls: the same table with one bit set.
            Add(Return, Errno | ENOSYS);
        }

        public void Deny(Syscall call) => Answer(call, EPERM);

        public void Answer(Syscall call, uint error) => Give(call, Errno | error);

        public void Give(Syscall call, uint action)
        {
            if (call.Number < 0) return;
            Add(JumpEqual, (uint)call.Number, 0, 1);
            Add(Return, action);
        }

        public void DenyIf(Syscall call, Condition[] all) => Block(call, [all], whenMet: Errno | EPERM, otherwise: null);

        public void DenyUnless(Syscall call, Condition[][] any) => Block(call, any, whenMet: Allow, otherwise: Errno | EPERM);

        public BpfInstruction[] Finish()
        {
            Add(Return, Allow);
            return [.. code];
        }

        private void Block(Syscall call, Condition[][] any, uint whenMet, uint? otherwise)
        {
            var body = any.Sum(all => all.Sum(condition => condition.Length) + 1) + 1;
            Add(JumpEqual, (uint)call.Number, 0, checked((byte)body));
            foreach (var all in any)
            {
                var left = all.Sum(condition => condition.Length) + 1;
                foreach (var condition in all)
                {
                    left -= condition.Length;
                    Add(Load, condition.Offset);
                    if (condition.Length == 3) Add(And, condition.Mask);
                    Add(condition.Test, condition.Value, 0, checked((byte)left));
                }
                Add(Return, whenMet);
            }
            if (otherwise is { } answer) Add(Return, answer);
            else Add(Load, NumberOffset); // The tests overwrote the number that the next blocks compare.
        }

        private void Add(ushort operation, uint value, byte jumpTrue = 0, byte jumpFalse = 0) => code.Add(new(operation, jumpTrue, jumpFalse, value));
    }
}
