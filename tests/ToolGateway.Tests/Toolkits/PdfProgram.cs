using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Programs;
using AgentPlatform.ToolGateway.Toolkits.Documents;

[assembly: AssemblyFixture(typeof(AgentPlatform.ToolGateway.Tests.Toolkits.PdfProgram))]

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

/// <summary>Finds or fetches pdftotext as AppHost does, and tells where it is in the same way.</summary>
public sealed class PdfProgram : IAsyncLifetime
{
    private static string? missing;

    public static void SkipIfMissing() => Assert.SkipWhen(missing is not null, missing ?? string.Empty);

    public async ValueTask InitializeAsync()
    {
        try
        {
            var found = await new ProgramFinder().FindPdfToText(TestContext.Current.CancellationToken);
            Environment.SetEnvironmentVariable("AGENTPLATFORM_PDFTOTEXT", found.Executable);
            Environment.SetEnvironmentVariable("AGENTPLATFORM_PDFTOTEXT_LIBRARIES", found.Libraries);
            Assert.Equal(found.Executable, PdfOptions.FromEnvironment().Program);
        }
        catch (ProgramMissingException e)
        {
            missing = e.Message;
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
