using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Model;
using AgentPlatform.AppHost.Supervision;

namespace AgentPlatform.AppHost.Stack;

/// <summary>From the model of a resource to what a supervisor needs to know about one instance of it.</summary>
internal static class Describe
{
    public static Charge Charge(StackContext stack, IReadOnlyList<Resource> chosen, Resource resource, int replica, DateTimeOffset now)
    {
        var launcher = resource.Launcher(stack, replica);
        var isExternal = stack.Options.External.ContainsKey(resource.Name);
        var blank = new ResourceSnapshot
        {
            Name = ServiceEnvironment.InstanceName(stack, resource, replica),
            LogName = ServiceEnvironment.LogName(stack, resource, replica),
            DisplayName = resource.Name,
            Type = isExternal ? "ExternalService" : resource.Type,
            CreatedAt = now,
            State = States.NotStarted,
            IsHidden = resource.IsHidden,
            ParentName = resource.Parent?.Name,
            Urls = isExternal ? [] : [.. resource.Endpoints.Select(endpoint => new InstanceUrl(endpoint.Name, stack.UrlOf(resource, endpoint, replica)))],
            Relationships =
            [
                .. resource.References.Select(other => (other.Name, "Reference")),
                .. resource.WaitsFor.Except(resource.References).Select(other => (other.Name, "WaitFor")),
            ],
            Description = launcher.Describe(),
            Commands = [.. resource.Commands],
        };
        var waits = resource.WaitsFor
            .Where(chosen.Contains)
            .SelectMany(other => Enumerable.Range(0, stack.ReplicasOf(other)).Select(i => ServiceEnvironment.InstanceName(stack, other, i)));
        return new Charge(blank, launcher, [.. waits], HealthAddress(stack, resource, replica));
    }

    public static Charge Dashboard(StackContext stack, LaunchDashboard launcher, DateTimeOffset now) => new(
        new ResourceSnapshot
        {
            Name = LaunchDashboard.Name,
            LogName = LaunchDashboard.Name,
            DisplayName = LaunchDashboard.Name,
            Type = "Executable",
            CreatedAt = now,
            State = States.NotStarted,
            IsHidden = true,
            Urls = [new InstanceUrl("http", stack.DashboardUrl)],
        },
        launcher,
        [],
        new Uri(stack.DashboardUrl + LaunchDashboard.HealthPath));

    private static Uri? HealthAddress(StackContext stack, Resource resource, int replica) =>
        resource is { HealthPath: { } path, Endpoints: [var first, ..] } ? new Uri(stack.UrlOf(resource, first, replica) + path) : null;
}
