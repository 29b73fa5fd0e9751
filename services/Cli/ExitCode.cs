namespace AgentPlatform.Cli;

/// <summary>What the process says when it ends.</summary>
public static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUse = 2;
    public const int Unreachable = 3;
}

/// <summary>The command cannot go on; the message names cause and remedy.</summary>
public sealed class CliException(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
