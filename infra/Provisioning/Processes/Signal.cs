namespace AgentPlatform.Provisioning.Processes;

/// <summary>The POSIX signals this library sends; the numbers are the same on every Linux architecture.</summary>
public enum Signal
{
    /// <summary>Ctrl-C; PostgreSQL's fast shutdown.</summary>
    Interrupt = 2,

    /// <summary>Cannot be caught.</summary>
    Kill = 9,

    /// <summary>The polite request to end.</summary>
    Terminate = 15,
}
