using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>The walls around a server that is a program: what it is configured with, and what it needs to start at all.</summary>
internal static class McpProgramPlan
{
    /// <exception cref="SandboxException">It could not read what it is made of, or is to be given what nobody is given.</exception>
    internal static SandboxPlan Of(McpServerEntry entry, string program, WorkspaceOwner? user, McpOptions options)
    {
        var given = entry.Sandbox ?? McpSandbox.Alone;
        string[] readable = [.. OfProgram(program), .. entry.Args.SelectMany(OfScript), .. given.Readable, .. entry.Cwd is { } folder ? (string[])[folder] : []];
        foreach (var path in readable.Concat(given.Writable))
        {
            if (options.Closed.FirstOrDefault(closed => IsBeneath(closed, path) || IsBeneath(path, closed)) is { } closed)
                throw new SandboxException($"{path} cannot be opened to it: the platform's own data is in {closed}");
            if (user is { } owner && Confinement.Unreachable(path, owner) is { } wall)
            {
                throw new SandboxException($"it runs as user id {owner.User}, who may not enter {wall}, and needs {path}; put that where every user may read it, such as below /usr/local or /srv, " +
                    "or run the gateway as a normal user");
            }
        }
        var plan = SandboxPlan.Locked.Within(options.ProgramLimits).Readable(readable).Writable(given.Writable);
        return given.Network switch
        {
            NetworkAccess.TcpPorts => plan.ConnectTo(given.Ports),
            NetworkAccess.Hosts => plan.Reach(given.Hosts),
            NetworkAccess.Internet => plan.WithInternet(),
            _ => plan,
        };
    }

    // A program that is not the system's: itself, and what its installer put beside it.
    private static IEnumerable<string> OfProgram(string program)
    {
        if (!Path.IsPathFullyQualified(program) || SystemPaths.Readable.Any(folder => IsBeneath(program, folder))) yield break;
        yield return program;
        if (File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName is { } target) yield return target;
        var modules = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(program)!, "../lib/node_modules"));
        if (Directory.Exists(modules)) yield return modules;
    }

    // "node /opt/server/dist/index.js": the script's folder, or all packages that were installed with it. A folder among the arguments is what the server is to
    // work on, and is not given by being named there.
    private static IEnumerable<string> OfScript(string argument)
    {
        if (!Path.IsPathFullyQualified(argument) || !File.Exists(argument)) yield break;
        var script = Path.GetFullPath(argument);
        var packages = script.IndexOf("/node_modules/", StringComparison.Ordinal);
        var folder = packages >= 0 ? script[..(packages + "/node_modules".Length)] : Path.GetDirectoryName(script)!;
        yield return folder.Count(c => c == '/') > 1 ? folder : script; // Never all of /opt or /tmp for a script that lies right in it.
    }

    private static bool IsBeneath(string path, string folder) => path == folder || path.StartsWith(folder.TrimEnd('/') + "/", StringComparison.Ordinal);
}
