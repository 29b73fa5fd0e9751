namespace AgentPlatform.Provisioning.Processes;

/// <summary>A server ended or stayed silent while it was started; the message holds the last lines it wrote.</summary>
public sealed class ServerFailedException : Exception
{
    /// <summary>With what the server said.</summary>
    public ServerFailedException(string message)
        : base(message)
    {
    }

    /// <summary>With the cause.</summary>
    public ServerFailedException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>Without a message; prefer the others.</summary>
    public ServerFailedException()
    {
    }
}
