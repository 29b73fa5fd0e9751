namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>Why a workspace would not do what was asked.</summary>
public enum RefusalKind
{
    InvalidPath,
    NotFound,
    NotAFile,
    Escapes,
    TooLarge,
    Denied,
    Unavailable,
}

/// <summary>An expected refusal of a workspace: the message names the cause and the remedy and may be shown to a model.</summary>
public sealed class WorkspaceRefusedException(RefusalKind kind, string message, Exception? cause = null) : Exception(message, cause)
{
    public RefusalKind Kind { get; } = kind;
}
