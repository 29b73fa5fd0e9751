using AgentPlatform.AppHost.Model;

// The namespace Aspire generates for its projects; ours are written by hand, one line each.
namespace Projects;

public sealed class Orchestrator : IProjectMetadata
{
    public string ProjectPath => "services/Orchestrator/Orchestrator.csproj";
}

public sealed class ToolGateway : IProjectMetadata
{
    public string ProjectPath => "services/ToolGateway/ToolGateway.csproj";
}

public sealed class ModelFabric : IProjectMetadata
{
    public string ProjectPath => "services/ModelFabric/ModelFabric.csproj";
}

public sealed class Sessions : IProjectMetadata
{
    public string ProjectPath => "services/Sessions/Sessions.csproj";
}

public sealed class Audit : IProjectMetadata
{
    public string ProjectPath => "services/Audit/Audit.csproj";
}

public sealed class Cli : IProjectMetadata
{
    public string ProjectPath => "services/Cli/Cli.csproj";

    public string AssemblyFile => "agentctl.dll";
}
