using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>
/// Answers <c>setsid</c> of one call. The first is the call's own, made while it is spawned; every later one is told that it worked, and nothing happens. So all that a
/// call starts stays in one session, however it forks, renames or detaches itself, and can be found by it: by <see cref="CallProcesses"/> and by <see cref="Guardian"/>.
/// </summary>
/// <remarks>
/// A refusal instead would end programs that only want to be out of a terminal's reach. When nobody listens any more the kernel answers ENOSYS: still no session.
/// </remarks>
internal static unsafe partial class SessionRequests
{
    private const nuint Receive = 0xC0502100, Send = 0xC0182101;
    private const uint LetGo = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Request
    {
        public ulong Id;
        public uint Process, Flags;
        private fixed ulong _call[8];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Answer
    {
        public ulong Id;
        public long Value;
        public int Error;
        public uint Flags;
    }

    /// <summary>Waits until the spawn ended, and lets its one request through.</summary>
    /// <param name="signal">Written when the filter listens, and when the spawn ended.</param>
    /// <param name="order">Holds the listener by then.</param>
    internal static void LetSpawn(int signal, SpawnOrder* order)
    {
        ulong told = 0;
        var polls = stackalloc Kernel.PollFd[2];
        polls[0] = new() { Fd = signal, Events = Kernel.PollIn };
        polls[1] = new() { Fd = -1, Events = Kernel.PollIn };
        while (true)
        {
            if (Kernel.Poll(polls, 2, -1) < 0 && Kernel.Error != Kernel.EINTR) throw Kernel.Failed("poll");
            if (polls[1].Seen != 0 && ((polls[1].Seen & Kernel.PollIn) == 0 || !Reply(polls[1].Fd, LetGo))) polls[1].Fd = -1;
            if (polls[0].Seen == 0) continue;
            ulong count;
            if (Kernel.Read(signal, (byte*)&count, sizeof(ulong)) == sizeof(ulong)) told += count;
            var listener = Volatile.Read(ref order->Listener);
            if (told > 1 || listener < 0) return;
            polls[1].Fd = listener;
        }
    }

    /// <summary>Tells one caller that it has a session of its own now. False when there will be no more.</summary>
    internal static bool Pretend(int listener) => Reply(listener, 0);

    private static bool Reply(int listener, uint flags)
    {
        var request = default(Request);
        if (Control(listener, Receive, &request) != 0) return Kernel.Error is Kernel.EINTR or ENOENT; // It was killed while it asked.
        var answer = new Answer { Id = request.Id, Flags = flags };
        _ = Control(listener, Send, &answer);
        return true;
    }

    private const int ENOENT = 2;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int fd, nuint request, void* argument);
}
