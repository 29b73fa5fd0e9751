using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Launch;

/// <summary>Runs the built program of a service.</summary>
internal sealed class LaunchProject(StackContext stack, ProjectResource resource, int replica) : ILauncher
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(15);

    private readonly Variable[] environment = ServiceEnvironment.For(stack, resource, replica);

    public LaunchDescription Describe() => new(environment, [
        new Fact("project.path", resource.ProjectPath),
        new Fact("executable.path", resource.Assembly),
        new Fact("executable.workDir", Path.GetDirectoryName(resource.Assembly)!),
    ]);

    public Task<Running> StartAsync(CancellationToken ct)
    {
        if (!File.Exists(resource.Assembly))
        {
            throw new ProgramMissingException($"{resource.Name} is not built: {resource.Assembly} is missing. Build it with: dotnet build {resource.ProjectPath}");
        }

        var child = ChildProcess.Start(new ChildProcessStart(DotnetHost.Path, ["exec", resource.Assembly, .. resource.Arguments])
        {
            WorkingDirectory = Path.GetDirectoryName(resource.Assembly),
            Environment = environment.ToDictionary(variable => variable.Name, variable => variable.Value, StringComparer.Ordinal),
            StopTimeout = StopTimeout,
            OnLine = stack.Logs.For(ServiceEnvironment.LogName(stack, resource, replica)).Write,
        });
        return Task.FromResult(new Running(child.Id, child.Exited, async () => await child.DisposeAsync()));
    }
}
