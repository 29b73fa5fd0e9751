namespace AgentPlatform.Contracts;

/// <summary>A public contract that travels between services; its shape only grows.</summary>
public interface IMessage;

/// <summary>Asks one owner to do something: subject <c>commands.&lt;service&gt;.&lt;name&gt;</c>.</summary>
public interface ICommand : IMessage;

/// <summary>Tells all that something happened: subject <c>events.&lt;service&gt;.&lt;noun&gt;.&lt;name&gt;.&lt;id&gt;</c>.</summary>
public interface IIntegrationEvent : IMessage
{
    /// <summary>The id of the thing it is about; the last token of the subject.</summary>
    string AboutId { get; }
}

/// <summary>Names the owner and the wire name of a command.</summary>
/// <param name="service">The service that handles it; see <see cref="ServiceNames"/>.</param>
/// <param name="name">Kebab-case verb phrase, for example <c>invoke-tool</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class CommandAttribute(string service, string name) : Attribute
{
    /// <summary>The service that handles it.</summary>
    public string Service { get; } = service;

    /// <summary>The wire name.</summary>
    public string Name { get; } = name;
}

/// <summary>Names the source and the wire name of an integration event.</summary>
/// <param name="service">The service that tells it.</param>
/// <param name="noun">What it is about, for example <c>run</c>.</param>
/// <param name="name">What happened, for example <c>ended</c>.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class IntegrationEventAttribute(string service, string noun, string name) : Attribute
{
    /// <summary>The service that tells it.</summary>
    public string Service { get; } = service;

    /// <summary>What it is about.</summary>
    public string Noun { get; } = noun;

    /// <summary>What happened.</summary>
    public string Name { get; } = name;
}

/// <summary>The services by their one name, as it stands in subjects, databases, resources and configuration.</summary>
public static class ServiceNames
{
    /// <summary>Runs, tasks, scheduling.</summary>
    public const string Orchestrator = "orchestrator";

    /// <summary>Tools under policy, in a sandbox.</summary>
    public const string ToolGateway = "toolgateway";

    /// <summary>Models behind one door.</summary>
    public const string ModelFabric = "modelfabric";

    /// <summary>Live sessions and the human inbox.</summary>
    public const string Sessions = "sessions";

    /// <summary>The record of everything.</summary>
    public const string Audit = "audit";

    /// <summary>Every service, in the order they are listed to people.</summary>
    public static IReadOnlyList<string> All { get; } = [Orchestrator, ToolGateway, ModelFabric, Sessions, Audit];
}
