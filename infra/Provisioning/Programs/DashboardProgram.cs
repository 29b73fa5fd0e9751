namespace AgentPlatform.Provisioning.Programs;

/// <summary>The Aspire dashboard; its <c>wwwroot</c> folder lies beside the executable.</summary>
/// <param name="Executable">The path of <c>aspire-managed</c>.</param>
public sealed record DashboardProgram(string Executable);

/// <summary>poppler's <c>pdftotext</c>.</summary>
/// <param name="Executable">The path of the program.</param>
/// <param name="Libraries">What LD_LIBRARY_PATH must hold for it; null when the system's own libraries do.</param>
public sealed record PdfToTextProgram(string Executable, string? Libraries);
