namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>Waits for one running process: feeds its input, reads its output, and ends it at exit, deadline, cancellation or too much output.</summary>
internal sealed unsafe class CallSupervision(
    SandboxCommand command, SandboxLimits limits, TimeProvider time, int pid, int input, int output, int errors, int sessions, int cancelSignal, Action<int> close)
{
    private const int ReadBytes = 16 * 1024;
    private const int Input = 0, Output = 1, Errors = 2, Process = 3, Cancelled = 4, Sessions = 5, Slots = 6;

    private readonly OutputCapture capturedOutput = new(isError: false, limits.OutputBytesKept, command.OnLine);
    private readonly OutputCapture capturedErrors = new(isError: true, limits.OutputBytesKept, command.OnLine);
    private readonly byte[] buffer = new byte[ReadBytes];
    private readonly CallUse use = new(limits, command.Workspace.Root, pid, time);
    private int fed;
    private string? why;

    public SandboxResult Run(long started, IReadOnlyList<LayerInForce> layers)
    {
        var process = Kernel.OpenProcess(pid);
        try
        {
            if (input >= 0) Kernel.MakeNonBlocking(input);
            var end = WaitForEnd(process, started);
            // While the leader is not reaped its number cannot be given to another process, so no stranger is hit.
            CallProcesses.Kill(pid);
            Drain();
            int status;
            while (Kernel.Wait(pid, &status, 0) < 0)
            {
                if (Kernel.Error != Kernel.EINTR) throw Kernel.Failed("waitpid");
            }
            var signal = status & 0x7f;
            if (end == SandboxEnd.Exited && signal != 0) end = SandboxEnd.Signalled;
            var code = signal == 0 ? (status >> 8) & 0xff : 128 + signal; // As shells count it.
            return new SandboxResult.Ended(end, code, capturedOutput.Finish(), capturedErrors.Finish(), time.GetElapsedTime(started), layers) { Why = why };
        }
        finally
        {
            _ = Kernel.Close(process);
        }
    }

    private SandboxEnd WaitForEnd(int process, long started)
    {
        var polls = stackalloc Kernel.PollFd[Slots];
        polls[Input] = new() { Fd = input, Events = Kernel.PollOut };
        polls[Output] = new() { Fd = output, Events = Kernel.PollIn };
        polls[Errors] = new() { Fd = errors, Events = Kernel.PollIn };
        polls[Process] = new() { Fd = process, Events = Kernel.PollIn };
        polls[Cancelled] = new() { Fd = cancelSignal, Events = Kernel.PollIn };
        polls[Sessions] = new() { Fd = sessions, Events = Kernel.PollIn };
        while (true)
        {
            var left = limits.Duration - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero) return SandboxEnd.TimedOut;
            if (use.Rest <= TimeSpan.Zero && use.Look() is { } taken)
            {
                why = taken.Why;
                return taken.End;
            }
            if (use.Rest < left) left = use.Rest;
            var ready = Kernel.Poll(polls, Slots, (int)Math.Max(0, Math.Ceiling(left.TotalMilliseconds)));
            if (ready < 0 && Kernel.Error != Kernel.EINTR) throw Kernel.Failed("poll");
            if (ready <= 0) continue;

            if (polls[Cancelled].Seen != 0) return SandboxEnd.Cancelled;
            if (polls[Sessions].Seen != 0 && ((polls[Sessions].Seen & Kernel.PollIn) == 0 || !SessionRequests.Pretend(sessions))) polls[Sessions].Fd = -1;
            if (polls[Input].Seen != 0 && !Feed()) polls[Input].Fd = -1; // poll skips negative descriptors.
            if (polls[Output].Seen != 0 && !ReadOnce(output, capturedOutput)) polls[Output].Fd = -1;
            if (polls[Errors].Seen != 0 && !ReadOnce(errors, capturedErrors)) polls[Errors].Fd = -1;
            if (capturedOutput.Seen + capturedErrors.Seen > limits.OutputBytesMax) return SandboxEnd.TooMuchOutput;
            if (polls[Process].Seen != 0) return SandboxEnd.Exited;
        }
    }

    // What the tool wrote before its end is still in the pipes. Whoever was given an end elsewhere may hold it open, so the wait is bounded.
    private void Drain()
    {
        var polls = stackalloc Kernel.PollFd[2];
        polls[0] = new() { Fd = output, Events = Kernel.PollIn };
        polls[1] = new() { Fd = errors, Events = Kernel.PollIn };
        var started = time.GetTimestamp();
        while (polls[0].Fd >= 0 || polls[1].Fd >= 0)
        {
            var left = limits.DrainDuration - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || capturedOutput.Seen + capturedErrors.Seen > limits.OutputBytesMax) return;
            if (Kernel.Poll(polls, 2, (int)Math.Ceiling(left.TotalMilliseconds)) <= 0) continue;
            if (polls[0].Fd >= 0 && polls[0].Seen != 0 && !ReadOnce(output, capturedOutput)) polls[0].Fd = -1;
            if (polls[1].Fd >= 0 && polls[1].Seen != 0 && !ReadOnce(errors, capturedErrors)) polls[1].Fd = -1;
        }
    }

    private bool Feed()
    {
        var rest = command.Input.Span[fed..];
        if (rest.Length > 0)
        {
            nint written;
            fixed (byte* start = rest) written = Kernel.Write(input, start, rest.Length);
            if (written > 0) fed += (int)written;
            else if (Kernel.Error is Kernel.EAGAIN or Kernel.EINTR) return true;
            else fed = command.Input.Length; // EPIPE: the tool reads no more, which is its right.
        }
        if (fed < command.Input.Length) return true;
        close(input);
        return false;
    }

    private bool ReadOnce(int fd, OutputCapture capture)
    {
        nint count;
        fixed (byte* start = buffer) count = Kernel.Read(fd, start, ReadBytes);
        if (count > 0) capture.Take(buffer.AsSpan(0, (int)count));
        return count > 0 || (count < 0 && Kernel.Error == Kernel.EINTR);
    }
}
