using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Launch;

namespace AgentPlatform.AppHost.Model;

/// <summary>A PostgreSQL server: a child process of ours, or one named with <c>--external</c>.</summary>
public sealed class PostgresResource(string name) : Resource(name)
{
    public override string Type => "PostgreSQL";

    public List<DatabaseResource> Databases { get; } = [];

    internal override IEnumerable<KeyValuePair<string, string>> GivesTo(StackContext stack) =>
        [new($"ConnectionStrings__{Name}", stack.Postgres(this).ConnectionString("postgres"))];

    internal override ILauncher Launcher(StackContext stack, int replica) => stack.Postgres(this);
}

/// <summary>One database on a PostgreSQL server.</summary>
public sealed class DatabaseResource(string name, PostgresResource server) : Resource(name)
{
    public override string Type => "PostgreSQLDatabase";

    public PostgresResource Server { get; } = server;

    internal override IEnumerable<KeyValuePair<string, string>> GivesTo(StackContext stack) =>
        [new($"ConnectionStrings__{Name}", stack.Postgres(Server).ConnectionString(Name))];

    internal override ILauncher Launcher(StackContext stack, int replica) => new LaunchDatabase(stack.Postgres(Server), Name);
}

/// <summary>NATS with JetStream: one child process of ours or the nodes of a cluster, or servers named with <c>--external</c>.</summary>
public sealed class NatsResource(string name) : Resource(name)
{
    public override string Type => "NATS";

    /// <summary>Where the other nodes of a cluster connect: the port behind the one for clients.</summary>
    internal static int NodePort(int port) => port + 1;

    internal override int Instances(AppHostOptions options) => options.External.ContainsKey(Name) ? 1 : options.NatsNodes;

    internal override IEnumerable<int> Ports(AppHostOptions options, int replica) =>
        base.Ports(options, replica).SelectMany(port => Instances(options) > 1 ? [port, NodePort(port)] : new[] { port });

    internal override IEnumerable<KeyValuePair<string, string>> GivesTo(StackContext stack)
    {
        var nats = stack.Nats(this);
        yield return new($"ConnectionStrings__{Name}", nats.Url);
        if (nats.TokenFile is { } token)
        {
            yield return new("AGENTPLATFORM_NATS_TOKEN_FILE", token);
        }

        if (nats.StreamCopies > 1)
        {
            yield return new("Messaging__StreamReplicas", $"{nats.StreamCopies}");
        }
    }

    internal override ILauncher Launcher(StackContext stack, int replica) => stack.Nats(this).Node(replica);
}

/// <summary>One of our services, started from its built output.</summary>
public sealed class ProjectResource(string name, string projectPath, string assembly, params IReadOnlyList<string> arguments) : Resource(name)
{
    public override string Type => "Project";

    /// <summary>The project file, for the reader; it is not built.</summary>
    public string ProjectPath { get; } = projectPath;

    /// <summary>The built program.</summary>
    public string Assembly { get; } = assembly;

    public IReadOnlyList<string> Arguments { get; } = arguments;

    internal override IEnumerable<KeyValuePair<string, string>> GivesTo(StackContext stack) =>
        Endpoints.SelectMany(endpoint => Enumerable
            .Range(0, stack.ReplicasOf(this))
            .Select(i => KeyValuePair.Create($"services__{Name}__{endpoint.Name}__{i}", stack.UrlOf(this, endpoint, i))));

    internal override ILauncher Launcher(StackContext stack, int replica) => new LaunchProject(stack, this, replica);
}
