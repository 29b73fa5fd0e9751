namespace AgentPlatform.Sessions.Terminals;

/// <summary>
/// A program in a terminal of its own. It ends by itself, by <see cref="Close"/>, or with the service: when the service dies, the
/// kernel closes the terminal's other side and hangs up on the session.
/// </summary>
public sealed class Terminal : IAsyncDisposable
{
    private const int ThreadStackBytes = 256 * 1024;
    private static readonly TimeSpan DrainDurationMax = TimeSpan.FromSeconds(1);
    private readonly string _session;
    private readonly Pty _pty;
    private readonly Recording? _recording;
    private readonly TerminalOptions _options;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly ManualResetEventSlim _drained = new();
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _sizing = new();

    private bool _closed;

    private Terminal(string session, Pty pty, int process, Recording? recording, TerminalOptions options, TimeProvider time)
    {
        (_session, _pty, ProcessId, _recording, _options, _time) = (session, pty, process, recording, options, time);
        Stream = new TerminalStream(options);
    }

    /// <summary>The program, which is also the number of its session.</summary>
    public int ProcessId { get; }

    public TerminalStream Stream { get; }

    /// <summary>Completes with the exit code (128 + n after signal n) when the program and all of its output are at their end.</summary>
    public Task<int> Exited => _exited.Task;

    /// <summary>Why the recording is not complete; null when it is.</summary>
    public string? RecordingStoppedBecause => _recording?.StoppedBecause;

    /// <param name="session">The id every process of the session carries in its environment.</param>
    public static Terminal Open(string session, TerminalSpec spec, TerminalOptions options, TimeProvider time)
    {
        CheckSize(spec.Columns, spec.Rows, options);
        var pty = Pty.Open();
        Recording? recording = null;
        try
        {
            pty.Resize(spec.Columns, spec.Rows);
            recording = spec.RecordingPath is { } path ? new Recording(path, spec.Columns, spec.Rows, options.RecordingBytesMax, time) : null;
            var terminal = new Terminal(session, pty, SpawnProgram.On(pty.Slave, spec, session), recording, options, time);
            // Threads of their own: both spend their life in the kernel, and would starve the pool if there are many terminals.
            Start($"terminal-out-{session}", terminal.ReadOutput);
            Start($"terminal-end-{session}", terminal.AwaitEnd);
            return terminal;
        }
        catch
        {
            recording?.Dispose();
            pty.Dispose();
            throw;
        }
    }

    /// <summary>Types. Refused in words when the program does not read, so that a caller is never held by it.</summary>
    public async Task Write(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        if (bytes.Length > _options.WriteBytesMax)
        {
            throw new TerminalException($"At most {_options.WriteBytesMax} bytes can be written at once (Sessions:Terminal:WriteBytesMax).");
        }
        await _writing.WaitAsync(ct);
        try
        {
            if (_closed)
            {
                throw new TerminalException("The terminal has ended.");
            }
            var written = await Task.Run(() => _pty.Write(bytes.Span, _options.WriteDurationMax), ct);
            if (written < bytes.Length)
            {
                throw new TerminalException(
                    $"The program took {written} of {bytes.Length} bytes and then did not read for {_options.WriteDurationMax.TotalSeconds:0.###} s. Interrupt it or close the session.");
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Resize(int columns, int rows)
    {
        CheckSize(columns, rows, _options);
        lock (_sizing)
        {
            if (_closed)
            {
                throw new TerminalException("The terminal has ended.");
            }
            _pty.Resize(columns, rows);
            _recording?.Resized(columns, rows);
            Stream.Resized(columns, rows);
        }
    }

    /// <summary>Hangs up on every process of the session, waits, then kills what is left. Closing twice is not an error.</summary>
    public async Task<int> Close()
    {
        if (!Exited.IsCompleted)
        {
            SessionProcesses.Signal(ProcessId, _session, Libc.Hangup, Libc.Continue);
            var first = await Task.WhenAny(Exited, Task.Delay(_options.CloseGrace, _time));
            if (first != Exited)
            {
                SessionProcesses.KillAll(ProcessId, _session);
            }
        }
        return await Exited;
    }

    public async ValueTask DisposeAsync()
    {
        await Close();
        _writing.Dispose();
    }

    private static void CheckSize(int columns, int rows, TerminalOptions options)
    {
        if (columns < 1 || rows < 1 || columns > options.SizeMax || rows > options.SizeMax)
        {
            throw new TerminalException($"A terminal has 1 to {options.SizeMax} columns and rows, not {columns} by {rows}.");
        }
    }

    private static void Start(string name, Action work) => new Thread(() => work(), ThreadStackBytes) { IsBackground = true, Name = name }.Start();

    private void ReadOutput()
    {
        try
        {
            var buffer = new byte[_options.ReadBytes];
            for (var count = _pty.Read(buffer); count > 0; count = _pty.Read(buffer))
            {
                _recording?.Output(buffer.AsSpan(0, count));
                Stream.Output(buffer.AsMemory(0, count).ToArray());
            }
        }
        finally
        {
            _drained.Set();
        }
    }

    private void AwaitEnd()
    {
        var code = SessionProcesses.WaitForExit(ProcessId);
        // The shell is gone; what it left in the background is asked to go, then made to.
        SessionProcesses.Signal(ProcessId, _session, Libc.Hangup, Libc.Continue);
        if (!_drained.Wait(_options.CloseGrace))
        {
            SessionProcesses.KillAll(ProcessId, _session);
            if (!_drained.Wait(DrainDurationMax))
            {
                // Some process left the session and still holds the terminal; it is not waited for.
                _pty.StopReading();
                _drained.Wait();
            }
        }
        SessionProcesses.KillAll(ProcessId, _session);
        SessionProcesses.Reap(ProcessId);
        _writing.Wait();
        lock (_sizing)
        {
            _closed = true;
            _recording?.Dispose();
            _pty.Dispose();
        }
        _writing.Release();
        Stream.End(code);
        _exited.TrySetResult(code);
    }
}
