namespace AgentPlatform.Provisioning.Programs;

/// <summary>iproute2's <c>ip</c>.</summary>
/// <param name="Executable">The program.</param>
/// <param name="Libraries">Folders for <c>LD_LIBRARY_PATH</c> when it is not an installed one; else null.</param>
public sealed record IpProgram(string Executable, string? Libraries);
