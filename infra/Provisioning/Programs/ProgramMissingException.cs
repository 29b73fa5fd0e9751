namespace AgentPlatform.Provisioning;

/// <summary>A system program is not there and could not be fetched; the message names it and says how to get it.</summary>
public sealed class ProgramMissingException : Exception
{
    /// <summary>With a message that names the program and the remedies.</summary>
    public ProgramMissingException(string message)
        : base(message)
    {
    }

    /// <summary>With the cause.</summary>
    public ProgramMissingException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    /// <summary>Without a message; prefer the others.</summary>
    public ProgramMissingException()
    {
    }
}
