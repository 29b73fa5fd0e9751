using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Stack;

/// <summary>Which resources are started, and whether that is possible; nothing has been started yet.</summary>
internal static class ChooseResources
{
    /// <summary>The named ones and what they wait for; all when none is named.</summary>
    public static IReadOnlyList<Resource> Run(IReadOnlyList<Resource> all, AppHostOptions options)
    {
        var names = all.Select(resource => resource.Name).ToArray();
        Known(options.Only, "--only", names);
        Known(options.External.Keys, "--external", names);
        Known(options.Replicas.Keys, "--replicas", [.. all.OfType<ProjectResource>().Select(resource => resource.Name)]);
        Known(options.Ports.Keys, "--port", [.. names, LaunchDashboard.Name, "otlp"]);
        if (options.Only.Count == 0)
        {
            return all;
        }

        var chosen = new HashSet<Resource>();
        var open = new Stack<Resource>(all.Where(resource => options.Only.Contains(resource.Name)));
        while (open.TryPop(out var resource))
        {
            if (chosen.Add(resource))
            {
                resource.WaitsFor.ForEach(open.Push);
            }
        }

        return [.. all.Where(chosen.Contains)];
    }

    /// <exception cref="PortInUseException">A port is taken by somebody else, or wanted twice.</exception>
    public static void CheckPorts(IReadOnlyList<Resource> chosen, AppHostOptions options)
    {
        var wanted = chosen
            .Where(resource => !options.External.ContainsKey(resource.Name))
            .SelectMany(resource => Enumerable.Range(0, resource.Instances(options)).SelectMany(i => resource.Ports(options, i)).Select(port => (resource.Name, Port: port)))
            .ToList();
        if (options.UseDashboard)
        {
            wanted.Add((LaunchDashboard.Name, options.PortOf(LaunchDashboard.Name, LaunchDashboard.Port)));
            wanted.Add(("otlp", options.PortOf("otlp", LaunchDashboard.TelemetryPort)));
        }

        foreach (var port in wanted.GroupBy(want => want.Port))
        {
            var names = port.Select(want => want.Name).ToArray();
            if (names.Length > 1)
            {
                throw new WrongUseException($"Port {port.Key} is wanted by {string.Join(" and ", names)}. Give one of them another with --port {names[1]}=PORT.");
            }

            if (!LoopbackPorts.IsFree(port.Key))
            {
                throw new PortInUseException(
                    $"Port {port.Key}, wanted by {names[0]}, is in use by another program. Shift all ports with --port-base PORT, or this one with --port {names[0]}=PORT. "
                    + $"To see whose it is: ss -ltnp 'sport = :{port.Key}'");
            }
        }
    }

    private static void Known(IEnumerable<string> named, string option, string[] names)
    {
        foreach (var name in named.Except(names, StringComparer.Ordinal))
        {
            throw new WrongUseException($"{option} names {name}, which is not one of {string.Join(", ", names)}.");
        }
    }
}
