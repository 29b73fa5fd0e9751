using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.Sessions.Terminals;

/// <summary>
/// The master side of a pseudo terminal. One thread reads, any may write; the descriptor does not block, so that neither a
/// silent program nor one that does not read can hold a thread for ever.
/// </summary>
internal sealed class Pty : IDisposable
{
    /// <summary>A process that got away may write for ever; the reader does not listen that long.</summary>
    private const int ReadsAfterStopMax = 64;

    private readonly SafeFileHandle _master;
    private readonly SafeFileHandle _wake;
    private volatile bool _stopped;
    private int _readsAfterStop;

    private Pty(SafeFileHandle master, SafeFileHandle wake, string slave) => (_master, _wake, Slave) = (master, wake, slave);

    /// <summary>The path of the side the program gets.</summary>
    public string Slave { get; }

    public static Pty Open()
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new TerminalException("Terminals need Linux. Run the Sessions service in a container or a virtual machine.");
        }
        var master = new SafeFileHandle(
            Libc.Check(Libc.OpenMaster(Libc.ReadWrite | Libc.NoControllingTerminal | Libc.NonBlocking | Libc.CloseOnExec), "No pseudo terminal could be opened (is /dev/pts mounted?)"), ownsHandle: true);
        try
        {
            Libc.Check(Libc.Grant(master), "grantpt");
            Libc.Check(Libc.Unlock(master), "unlockpt");
            Span<byte> name = stackalloc byte[128];
            Libc.CheckReturned(Libc.SlaveName(master, name, (nuint)name.Length), "ptsname_r");
            var wake = new SafeFileHandle(Libc.Check(Libc.EventDescriptor(0, Libc.CloseOnExec | Libc.NonBlocking), "eventfd"), ownsHandle: true);
            return new Pty(master, wake, Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]));
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    public void Resize(int columns, int rows)
    {
        var size = new Libc.WindowSize { Columns = (ushort)columns, Rows = (ushort)rows };
        Libc.Check(Libc.Control(_master, Libc.SetWindowSize, ref size), "The terminal cannot be resized");
    }

    /// <summary>Waits for output. Zero: nobody holds the other side any more, or <see cref="StopReading"/> was called and all is read.</summary>
    public int Read(Span<byte> buffer)
    {
        while (!_stopped || _readsAfterStop++ < ReadsAfterStopMax)
        {
            var count = Libc.Read(_master, buffer, (nuint)buffer.Length);
            if (count > 0)
            {
                return (int)count;
            }
            var error = count == 0 ? Libc.InputOutputError : Marshal.GetLastPInvokeError();
            switch (error)
            {
                case Libc.Interrupted:
                    continue;
                case Libc.TryAgain when Wait(Libc.PollIn, Timeout.Infinite):
                    continue;
                default:
                    // EIO is how Linux says that the last process on the other side is gone; whatever was written before it has been read.
                    return 0;
            }
        }
        return 0;
    }

    /// <summary>How many bytes the program's side took; fewer than given when it does not read for as long as the wait lasts.</summary>
    public int Write(ReadOnlySpan<byte> bytes, TimeSpan wait)
    {
        var written = 0;
        while (written < bytes.Length)
        {
            var count = Libc.Write(_master, bytes[written..], (nuint)(bytes.Length - written));
            if (count >= 0)
            {
                written += (int)count;
                continue;
            }
            var error = Marshal.GetLastPInvokeError();
            if (error != Libc.Interrupted && (error != Libc.TryAgain || !Wait(Libc.PollOut, (int)wait.TotalMilliseconds)))
            {
                break;
            }
        }
        return written;
    }

    /// <summary>Lets the reader end once it has read what is there, although some process still holds the other side.</summary>
    public void StopReading()
    {
        _stopped = true;
        Span<byte> one = stackalloc byte[8];
        one[0] = 1;
        Libc.Write(_wake, one, (nuint)one.Length);
    }

    public void Dispose()
    {
        _master.Dispose();
        _wake.Dispose();
    }

    /// <summary>True when the master is ready; false at the end of the time or when reading was stopped.</summary>
    private bool Wait(short wanted, int milliseconds)
    {
        Span<Libc.PollEntry> entries =
        [
            new() { Descriptor = (int)_master.DangerousGetHandle(), Wanted = wanted },
            new() { Descriptor = (int)_wake.DangerousGetHandle(), Wanted = Libc.PollIn },
        ];
        while (true)
        {
            var ready = Libc.Poll(entries, (nuint)entries.Length, milliseconds);
            if (ready < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted)
            {
                continue;
            }
            return ready > 0 && (entries[0].Seen & (wanted | Libc.PollErrorOrHangup)) != 0;
        }
    }
}
