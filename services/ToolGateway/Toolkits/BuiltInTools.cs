using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Toolkits.Checks;
using AgentPlatform.ToolGateway.Toolkits.Documents;
using AgentPlatform.ToolGateway.Toolkits.Files;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Toolkits.Presentations;
using AgentPlatform.ToolGateway.Toolkits.Shell;
using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

namespace AgentPlatform.ToolGateway.Toolkits;

/// <summary>Every built-in tool, in the order a reader looks for them.</summary>
public static class BuiltInTools
{
    public static IReadOnlyList<ITool> All(Confinement confinement, ShellOptions? shell = null, DocumentOptions? documents = null, PdfOptions? pdf = null)
    {
        documents ??= new DocumentOptions();
        return
        [
            new ReadFile(), new WriteFile(), new EditFile(), new ListFiles(), new SearchFiles(), new DeleteFile(), new HashFile(),
            new ToMarkdown(confinement, documents, pdf ?? PdfOptions.FromEnvironment()),
            new WriteXlsx(documents), new ReadXlsx(documents), new CheckXlsx(documents), new WritePptx(documents),
            new VerifyChecks(documents),
            new RunShell(confinement, shell ?? new ShellOptions()),
        ];
    }
}
