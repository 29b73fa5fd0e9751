using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Cli.Live;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl mcp …</c>: the MCP servers behind the gateway, and the gateway as an MCP server for programs that speak over standard streams.</summary>
internal static class McpCommands
{
    private static readonly TimeSpan LoginLookEvery = TimeSpan.FromSeconds(1);

    public static Command Mcp(Shared shared)
    {
        var mcp = new Command("mcp", "MCP servers behind the gateway, and the gateway as one");
        var name = new Argument<string>("name") { Description = "First part of its tools' names" };
        mcp.Add(shared.Action(new Command("list", "By name"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ToolGateway.ListMcpServers(ct), Show);
            return ExitCode.Done;
        }));
        mcp.Add(shared.Action(new Command("show", "One server with its tools, whole") { name }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await platform.ToolGateway.GetMcpServer(parsed.GetRequiredValue(name), ct), Show);
            return ExitCode.Done;
        }));
        mcp.Add(Add(shared, name));
        var file = new Argument<FileInfo>("file") { Description = "A document with 'mcpServers', as other clients have it" };
        mcp.Add(shared.Action(new Command("import", "Configure every server of a document") { file }, async (parsed, platform, say, ct) =>
        {
            var path = parsed.GetRequiredValue(file);
            var text = path.Exists ? await File.ReadAllTextAsync(path.FullName, ct) : throw new CliException(ExitCode.WrongUse, $"there is no file {path}");
            say.Answer(await platform.ToolGateway.ImportMcpServers(Arguments.Json(path.Name, text), ct), Show);
            return ExitCode.Done;
        }));
        mcp.Add(shared.Action(new Command("remove", "Take a server away, with its tools") { name }, async (parsed, platform, say, ct) =>
        {
            await platform.ToolGateway.DeleteMcpServer(parsed.GetRequiredValue(name), ct);
            say.Answer(new { removed = parsed.GetRequiredValue(name) }, gone => Console.Out.WriteLine($"{gone.removed} is taken away"));
            return ExitCode.Done;
        }));
        var hashes = new Option<string[]>("--sha256") { Description = "Only the changed definitions with these hashes, as 'show' tells them; all when absent" };
        mcp.Add(shared.Action(new Command("approve", "Let changed tools of a server out of quarantine") { name, hashes }, async (parsed, platform, say, ct) =>
        {
            var some = parsed.GetValue(hashes) is { Length: > 0 } given ? given : null;
            say.Answer(await platform.ToolGateway.ApproveMcpServer(parsed.GetRequiredValue(name), new ApproveMcpServerRequest(some), ct), Show);
            return ExitCode.Done;
        }));
        mcp.Add(Login(shared, name));
        mcp.Add(shared.Action(
            new Command("serve", "Serve the gateway's tools over standard input and output, for MCP clients that start a program"),
            async (_, platform, _, ct) =>
            {
                using var bridge = new McpBridge(platform.Client(ServiceNames.ToolGateway), Console.In, Console.Out);
                await bridge.Run(ct);
                return ExitCode.Done;
            }));
        return mcp;
    }

    private static Command Login(Shared shared, Argument<string> name)
    {
        var paste = new Option<bool>("--paste") { Description = "Read the address that the browser was sent to from standard input; for a browser on another machine" };
        return shared.Action(new Command("login", "Sign in at a server that wants it") { name, paste }, async (parsed, platform, say, ct) =>
        {
            var server = parsed.GetRequiredValue(name);
            var login = await platform.ToolGateway.LoginMcpServer(server, ct);
            if (!login.SignedIn)
            {
                Say.Progress($"Open this address in a browser, before {login.ExpiresAt:HH:mm}:\n{login.Address}");
                if (parsed.GetValue(paste))
                {
                    Say.Progress("Then paste the address it ends at, and press Enter:");
                    await platform.ToolGateway.AnswerMcpLogin(server, new AnswerMcpLoginRequest(await Console.In.ReadLineAsync(ct) ?? string.Empty), ct);
                }
            }

            using var next = new PeriodicTimer(LoginLookEvery);
            for (var address = login.Address; !login.SignedIn; login = await platform.ToolGateway.LoginMcpServer(server, ct))
            {
                if (login.Address != address)
                {
                    throw new CliException(ExitCode.Failed, $"nobody signed in at {server} there, or it was refused; begin again");
                }

                await next.WaitForNextTickAsync(ct);
            }

            say.Answer(new { server, signedIn = true }, done => Console.Out.WriteLine($"{done.server} can be used"));
            return ExitCode.Done;
        });
    }

    private static Command Add(Shared shared, Argument<string> name)
    {
        var url = new Option<string?>("--url") { Description = "Its address, for a server that speaks streamable HTTP" };
        var env = new Option<string[]>("--env") { Description = "NAME=VALUE for a program; a secret as NAME=secret:KEY, kept before with PUT /v1/secrets/KEY" };
        var headers = new Option<string[]>("--header") { Description = "NAME=VALUE for an address; a secret as NAME=secret:KEY" };
        var trusted = new Option<bool>("--trusted") { Description = "Believe its annotations where they loosen something" };
        var readable = new Option<string[]>("--readable") { Description = "A file or folder that a program may also read" };
        var writable = new Option<string[]>("--writable") { Description = "A file or folder that a program may also write; without it, only a folder of its own" };
        var network = new Option<string[]>("--network") { Description = "A host a program may reach (api.example.org, *.example.org, 192.0.2.1:8080), a TCP port, or internet; without it, none" };
        var command = new Argument<string[]>("command") { Description = "The program and its arguments, after --", Arity = ArgumentArity.ZeroOrMore };
        return shared.Action(new Command("add", "Configure a server; the first list or call starts it") { name, url, env, headers, trusted, readable, writable, network, command }, async (parsed, platform, say, ct) =>
        {
            var words = parsed.GetValue(command) ?? [];
            if (words.Length == 0 == parsed.GetValue(url) is null)
            {
                throw new CliException(ExitCode.WrongUse, "give either --url, or after -- the program to start");
            }

            object entry = parsed.GetValue(url) is { } address
                ? new { url = address, headers = Values("--header", parsed.GetValue(headers)), trusted = parsed.GetValue(trusted) }
                : new { command = words[0], args = words[1..], env = Values("--env", parsed.GetValue(env)), trusted = parsed.GetValue(trusted) };
            var json = JsonSerializer.SerializeToNode(entry)!;
            if (Sandbox(parsed.GetValue(readable) ?? [], parsed.GetValue(writable) ?? [], parsed.GetValue(network) ?? []) is { } sandbox)
            {
                json["sandbox"] = sandbox;
            }

            say.Answer(await platform.ToolGateway.PutMcpServer(parsed.GetRequiredValue(name), JsonSerializer.SerializeToElement(json), ct), Show);
            return ExitCode.Done;
        });
    }

    private static JsonObject? Sandbox(string[] readable, string[] writable, string[] network)
    {
        var sandbox = new JsonObject();
        if (readable.Length > 0)
        {
            sandbox["readable"] = new JsonArray([.. readable.Select(path => JsonValue.Create(Path.GetFullPath(path)))]);
        }

        if (writable.Length > 0)
        {
            sandbox["writable"] = new JsonArray([.. writable.Select(path => JsonValue.Create(Path.GetFullPath(path)))]);
        }

        if (network is ["none" or "internet"])
        {
            sandbox["network"] = network[0];
        }
        else if (network.Length > 0)
        {
            sandbox["network"] = new JsonArray([.. network.Select(to => int.TryParse(to, out var port) ? JsonValue.Create(port) : JsonValue.Create(to))]);
        }

        return sandbox.Count > 0 ? sandbox : null;
    }

    private static Dictionary<string, object> Values(string option, string[]? pairs)
    {
        const string secret = "secret:";
        return (pairs ?? []).Select(pair => pair.Split('=', 2)).ToDictionary(
            pair => pair.Length == 2 ? pair[0] : throw new CliException(ExitCode.WrongUse, $"{option} is NAME=VALUE, not '{pair[0]}'"),
            pair => pair[1].StartsWith(secret, StringComparison.Ordinal) ? new Dictionary<string, string> { ["$secret"] = pair[1][secret.Length..] } : (object)pair[1],
            StringComparer.Ordinal);
    }

    private static void Show(Page<McpServerView> servers) => Say.Table(["server", "transport", "state", "tools", "quarantined", "trouble"], servers.Items.Select(server => new[]
    {
        server.Name, server.Transport, JsonNamingPolicy.SnakeCaseLower.ConvertName(server.State.ToString()), $"{server.Tools.Length}", $"{server.Tools.Count(tool => tool.FoundSha256 is not null)}", server.Trouble ?? "-",
    }));

    private static void Show(McpServerView server)
    {
        Show(new Page<McpServerView>([server], Next: null));
        foreach (var tool in server.Tools.Where(tool => tool.FoundSha256 is not null))
        {
            Console.Out.WriteLine($"{tool.Id} is quarantined; as it is now it has the hash {tool.FoundSha256}: {tool.Difference}");
        }
    }
}
