using System.Threading.Channels;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Workspaces;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// A server that is a program: started in the sandbox, with a folder of its own, and spoken to over its standard streams. It ends with its connection, and with the
/// gateway.
/// </summary>
internal sealed partial class McpProgram(
    string name, McpServerEntry entry, IReadOnlyDictionary<string, string> environment, Confinement confinement, McpOptions options, TimeProvider time, Action<string> saidAside, ILoggerFactory loggers)
    : IClientTransport
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);
    private readonly ILogger _log = loggers.CreateLogger<McpProgram>();

    public string Name => name;

    /// <summary>What stands around it, once it was started.</summary>
    public IReadOnlyList<LayerInForce>? Layers { get; private set; }

    public async Task<ITransport> ConnectAsync(CancellationToken cancellationToken = default)
    {
        var program = Resolve(entry.Command!);
        var workspace = Workspace.Open(Path.Combine(options.Folder, name));
        try
        {
            var plan = McpProgramPlan.Of(entry, program, workspace.Owner, options);
            var process = await confinement.Start(
                new SandboxCommand
                {
                    Arguments = CommandLine(program), Workspace = workspace, Environment = new Dictionary<string, string>(environment) { ["HOME"] = workspace.Root },
                    OnEgress = attempt => Asked(name, attempt.Host, attempt.Port, attempt.Why),
                },
                plan);
            Layers = process.Layers;
            Confined(name, string.Join(", ", process.Layers.Select(layer => $"{layer.Layer}: {layer.By}")));
            var errors = Listen(process.Errors);
            var session = await new StreamClientTransport(process.Input, new BoundedLines(process.Output, options.ResultBytesMax), loggers).ConnectAsync(cancellationToken);
            return new Session(this, session, process, workspace, errors, time);
        }
        catch
        {
            workspace.Dispose();
            throw;
        }
    }

    // The sandbox starts in a folder of the workspace; elsewhere the shell goes first.
    private string[] CommandLine(string program) =>
        entry.Cwd is { } folder ? ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder, program, .. entry.Args] : [program, .. entry.Args];

    private static string Resolve(string command)
    {
        if (command.Contains('/', StringComparison.Ordinal)) return command;
        var folders = Environment.GetEnvironmentVariable("PATH") ?? Confinement.SearchPath;
        return folders.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, command)).FirstOrDefault(File.Exists)
            ?? throw new SandboxException($"the program '{command}' was not found in {folders}; install it, or give its full path");
    }

    private async Task Listen(Stream errors)
    {
        const int bytes = 4096;
        var lines = new OutputCapture(isError: true, bytes, line => saidAside(line.Text));
        var buffer = new byte[bytes];
        try
        {
            for (var count = await errors.ReadAsync(buffer); count > 0; count = await errors.ReadAsync(buffer)) lines.Take(buffer.AsSpan(0, count));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It was stopped while it spoke.
        }
    }

    [LoggerMessage(4211, LogLevel.Information, "MCP server {Server} runs confined: {Layers}")]
    private partial void Confined(string server, string layers);

    [LoggerMessage(4213, LogLevel.Information, "MCP server {Server} asked for {Host}:{Port}: {Answer}")]
    private partial void Asked(string server, string host, int port, string answer);

    [LoggerMessage(4212, LogLevel.Information, "MCP server {Server} ended: {How} {Why}")]
    private partial void Gone(string server, SandboxEnd how, string? why);

    private sealed class Session(McpProgram program, ITransport session, ConfinedProcess process, Workspace workspace, Task errors, TimeProvider time) : ITransport
    {
        public string? SessionId => session.SessionId;

        public ChannelReader<JsonRpcMessage> MessageReader => session.MessageReader;

        public Task SendMessageAsync(JsonRpcMessage message, CancellationToken cancellationToken = default) => session.SendMessageAsync(message, cancellationToken);

        // The process first: nobody can be torn away from reading a pipe whose other end is open.
        public async ValueTask DisposeAsync()
        {
            await process.Stop(StopPatience, time);
            var ended = await process.Ended;
            program.Gone(program.Name, ended.End, ended.Why);
            await session.DisposeAsync();
            await errors;
            await process.DisposeAsync();
            workspace.Dispose();
        }
    }
}
