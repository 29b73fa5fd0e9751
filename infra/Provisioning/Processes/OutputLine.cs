namespace AgentPlatform.Provisioning.Processes;

/// <summary>One line a child wrote.</summary>
/// <param name="Text">The line without its end; a line longer than the bound arrives in several pieces.</param>
/// <param name="IsError">True when it came from standard error.</param>
public readonly record struct OutputLine(string Text, bool IsError);
