namespace AgentPlatform.AppHost.Commands;

/// <summary>The exit codes of the platform's programs.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;

    /// <summary>Wrong use or configuration: nothing was started.</summary>
    public const int WrongUse = 2;

    /// <summary>The platform cannot be reached, or did not become ready.</summary>
    public const int NotReachable = 3;
}

/// <summary>The command line asks for something that does not exist or cannot be; the message says what would.</summary>
public sealed class WrongUseException(string message) : Exception(message);
