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

/// <summary>A nats-server with JetStream: a child process of ours, or one named with <c>--external</c>.</summary>
public sealed class NatsResource(string name) : Resource(name)
{
    public override string Type => "NATS";

    internal override IEnumerable<KeyValuePair<string, string>> GivesTo(StackContext stack) => stack.Nats(this) switch
    {
        { TokenFile: { } token } nats => [new($"ConnectionStrings__{Name}", nats.Url), new("AGENTPLATFORM_NATS_TOKEN_FILE", token)],
        var nats => [new($"ConnectionStrings__{Name}", nats.Url)],
    };

    internal override ILauncher Launcher(StackContext stack, int replica) => stack.Nats(this);
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
