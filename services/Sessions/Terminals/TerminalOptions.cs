namespace AgentPlatform.Sessions.Terminals;

/// <summary>Bounds of every terminal; section <c>Sessions:Terminal</c>.</summary>
public sealed record TerminalOptions
{
    /// <summary>Output kept for those who attach later.</summary>
    public int ScrollbackBytesMax { get; init; } = 1024 * 1024;

    public int ScrollbackChunksMax { get; init; } = 16_384;

    /// <summary>Chunks a subscriber may lag behind before it is cut off.</summary>
    public int SubscriberChunksMax { get; init; } = 1024;

    public int SubscribersMax { get; init; } = 32;
    public int ReadBytes { get; init; } = 16 * 1024;
    public int WriteBytesMax { get; init; } = 64 * 1024;

    /// <summary>How long a write waits for a program that does not read.</summary>
    public TimeSpan WriteDurationMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Between asking the session's processes to end and ending them.</summary>
    public TimeSpan CloseGrace { get; init; } = TimeSpan.FromSeconds(2);

    public long RecordingBytesMax { get; init; } = 64L * 1024 * 1024;
    public int SizeMax { get; init; } = 1000;
}

/// <summary>What runs in a terminal, and where.</summary>
public sealed record TerminalSpec
{
    /// <summary>Program, by absolute path, and arguments.</summary>
    public IReadOnlyList<string> Command { get; init; } = ["/bin/sh"];

    public required string WorkingDirectory { get; init; }
    public int Columns { get; init; } = 80;
    public int Rows { get; init; } = 24;

    /// <summary>Beside PATH, HOME, TERM and LANG; nothing is inherited from the service, which holds secrets.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Where the asciicast goes; null records nothing.</summary>
    public string? RecordingPath { get; init; }
}

/// <summary>A terminal could not be opened or used; the message names the cause and the remedy.</summary>
public sealed class TerminalException(string message, Exception? inner = null) : Exception(message, inner);
