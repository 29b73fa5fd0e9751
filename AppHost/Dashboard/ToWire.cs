using AgentPlatform.AppHost.Dashboard.Wire;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Model;
using AgentPlatform.AppHost.Supervision;
using Google.Protobuf.WellKnownTypes;

namespace AgentPlatform.AppHost.Dashboard;

/// <summary>
/// Turns a snapshot into what the dashboard reads. One resource that breaks a rule of the contract leaves its whole page on "Loading…" for ever,
/// without a word in any log, so every rule is kept here and nowhere else: a creation time, a display part in every address, a value in every
/// property, a title on every command.
/// </summary>
internal static class ToWire
{
    public const string Start = "start";
    public const string Stop = "stop";
    public const string Restart = "restart";

    public static Wire.Resource From(ResourceSnapshot snapshot)
    {
        var resource = new Wire.Resource
        {
            Name = snapshot.Name,
            ResourceType = snapshot.Type,
            DisplayName = snapshot.DisplayName,
            Uid = snapshot.Name,
            State = snapshot.State,
            CreatedAt = snapshot.CreatedAt.ToTimestamp(),
            StartedAt = snapshot.StartedAt?.ToTimestamp(),
            StoppedAt = snapshot.StoppedAt?.ToTimestamp(),
            IsHidden = snapshot.IsHidden,
            SupportsDetailedTelemetry = snapshot.Type == "Project",
        };
        if (snapshot.State == States.FailedToStart)
        {
            resource.StateStyle = "error";
        }

        resource.Environment.Add(snapshot.Description.Environment.Where(variable => variable.Value is not null).Select(Shown));
        resource.Properties.Add(Properties(snapshot));
        resource.Urls.Add(snapshot.Urls.Select((url, i) => Shown(url, i, isInactive: snapshot.State != States.Running)));
        resource.Relationships.Add(snapshot.Relationships.Select(other => new Relationship { ResourceName = other.DisplayName, Type = other.Kind }));
        resource.Commands.Add(Commands(snapshot));
        if (snapshot.Health is { } health)
        {
            resource.HealthReports.Add(Shown(health));
        }

        return resource;
    }

    private static EnvironmentVariable Shown(Variable variable) => new()
    {
        Name = variable.Name,
        Value = variable.IsSecret ? "(kept secret)" : variable.Value,   // The page only covers values; this one is not sent at all.
        IsFromSpec = true,
    };

    private static Url Shown(InstanceUrl url, int i, bool isInactive) => new()
    {
        EndpointName = url.Name,
        FullUrl = url.Url,
        IsInactive = isInactive,
        IsInternal = !url.Url.StartsWith("http", StringComparison.Ordinal),
        DisplayProperties = new UrlDisplay { DisplayName = "", SortOrder = -i },
    };

    private static Wire.HealthReport Shown(Health health)
    {
        var report = new Wire.HealthReport { Key = "http", Description = health.Description, Exception = "" };
        if (health.IsHealthy is { } isHealthy)
        {
            report.Status = isHealthy ? HealthStatus.Healthy : HealthStatus.Unhealthy;
        }

        if (health.At is { } at)
        {
            report.LastRunAt = at.ToTimestamp();
        }

        return report;
    }

    private static IEnumerable<Property> Properties(ResourceSnapshot snapshot)
    {
        var facts = snapshot.Description.Facts.AsEnumerable();
        if (snapshot.ParentName is { } parent)
        {
            facts = facts.Append(new Fact("resource.parentName", parent));
        }

        if (snapshot.ProcessId is { } process)
        {
            facts = facts.Append(new Fact("executable.pid", $"{process}"));
        }

        if (snapshot.Restarts > 0)
        {
            facts = facts.Append(new Fact("restarts", $"{snapshot.Restarts}", "Restarts after a crash", IsHighlighted: true));
        }

        foreach (var fact in facts)
        {
            var property = new Property { Name = fact.Name, Value = Value.ForString(fact.Value), IsHighlighted = fact.IsHighlighted };
            if (fact.DisplayName is { } name)
            {
                property.DisplayName = name;
            }

            yield return property;
        }

        if (snapshot.ExitCode is { } code and not 0)
        {
            yield return new Property { Name = "resource.exitCode", Value = Value.ForNumber(code) };
        }
    }

    private static IEnumerable<Command> Commands(ResourceSnapshot snapshot)
    {
        var isAtRest = States.IsAtRest(snapshot.State);
        var stopping = snapshot.State == States.Stopping;
        yield return Lifecycle(Start, "Start", "Play", isAtRest ? CommandState.Enabled : CommandState.Hidden);
        yield return Lifecycle(Stop, "Stop", "Stop", isAtRest ? CommandState.Hidden : stopping ? CommandState.Disabled : CommandState.Enabled);
        yield return Lifecycle(Restart, "Restart", "ArrowCounterclockwise", isAtRest ? CommandState.Hidden : stopping ? CommandState.Disabled : CommandState.Enabled, IconVariant.Regular, isHighlighted: false);
        foreach (var own in snapshot.Commands)
        {
            yield return Own(own, snapshot.IsReady ? CommandState.Enabled : CommandState.Disabled);
        }
    }

    private static Command Lifecycle(string name, string title, string icon, CommandState state, IconVariant variant = IconVariant.Filled, bool isHighlighted = true) => new()
    {
        Name = name,
        DisplayName = title,
        IconName = icon,
        IconVariant = variant,
        IsHighlighted = isHighlighted,
        State = state,
    };

    private static Command Own(ResourceCommand own, CommandState state)
    {
        var command = new Command { Name = own.Name, DisplayName = own.DisplayName.Length > 0 ? own.DisplayName : own.Name, State = state };
        if (own.Confirmation is { } question)
        {
            command.ConfirmationMessage = question;
        }

        if (own.IconName is { } icon)
        {
            command.IconName = icon;
        }

        return command;
    }
}
