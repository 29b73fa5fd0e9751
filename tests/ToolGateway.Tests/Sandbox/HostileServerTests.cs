using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Tests.Mcp;
using static AgentPlatform.ToolGateway.Tests.Mcp.McpServerTests;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>An MCP server that means harm. Each script also runs without the sandbox as the same user, where it works.</summary>
public sealed class HostileServerTests(Servers servers) : IClassFixture<Servers>
{
    private static readonly string[] Scripts =
    [
        "cat {0}/secret", "cat < {0}/secret", "ln -sf {0}/secret l; cat l", "cat /proc/self/root{0}/secret", "cat /proc/{1}/root{0}/secret", "cat /proc/{1}/cwd/secret", "cat /proc/{1}/environ", "cp {0}/secret c; cat c",
        "node -e 'console.log(require(\"fs\").readFileSync(\"{0}/secret\",\"utf8\"))'", "cat {0}/other-server/notes", "ls {0} | grep -q secret && echo canary-of-the-host",
        "echo x > {0}/new && echo canary-of-the-host", "echo x >> {0}/kept && echo canary-of-the-host", "mv {0}/kept {0}/gone && mv {0}/gone {0}/kept && echo canary-of-the-host", "mkdir {0}/folder && rmdir {0}/folder && echo canary-of-the-host",
        "ln {0}/kept hard && echo canary-of-the-host", "touch {0}/made && rm {0}/made && echo canary-of-the-host", "kill -URG {1} && echo canary-of-the-host", "cat /proc/{1}/cmdline",
        "unshare -r echo canary-of-the-host", "ls /proc/{1} && echo canary-of-the-host", "echo x > /tmp/hostile-server-$$ && rm /tmp/hostile-server-$$ && echo canary-of-the-host",
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hostile_server_reads_writes_reaches_and_signals_nothing_outside_its_folder()
    {
        await using var host = await McpHost.Start(servers);
        await host.Add("hostile", new { command = "node", args = new[] { host.Script("hostile.mjs") } });
        await host.Tools("hostile");
        var user = OwnerOf(Path.Combine(host.Gateway.McpFolder, "hostile"));
        var outside = Outside(host);
        using var victim = As(user, "exec sh -c 'while :; do sleep 1000; done' canary-of-the-host", outside);
        try
        {
            using var tcp = new TcpListener(IPAddress.Loopback, 0);
            tcp.Start();
            using var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            local.Bind(new UnixDomainSocketEndPoint(Path.Combine(outside, "socket")));
            local.Listen();
            File.SetUnixFileMode(Path.Combine(outside, "socket"), (UnixFileMode)0b111_111_111);

            var failures = new List<string>();
            foreach (var script in Scripts.Select(s => s.Replace("{0}", outside, StringComparison.Ordinal).Replace("{1}", $"{victim.Id}", StringComparison.Ordinal)))
            {
                var inside = await Run(host, script);
                if (inside.Contains("canary-of-the-host", StringComparison.Ordinal)) failures.Add($"escaped: {script}: {inside}");
                using var open = As(user, script, outside);
                var free = await open.StandardOutput.ReadToEndAsync(Ct);
                if (!free.Contains("canary-of-the-host", StringComparison.Ordinal)) failures.Add($"shows nothing: {script}: {free}");
            }
            Assert.Empty(failures);

            foreach (var to in (object[])[new { port = ((IPEndPoint)tcp.LocalEndpoint).Port }, new { path = Path.Combine(outside, "socket") }])
            {
                Assert.Contains(Text(await host.Call("hostile.connect", to)), (string[])["EPERM", "EACCES"]);
            }
            Assert.Equal("kept canary-of-the-host", File.ReadAllText(Path.Combine(outside, "kept"))[..23]);
        }
        finally
        {
            victim.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public async Task A_server_reaches_the_port_it_is_given_and_no_other()
    {
        await using var host = await McpHost.Start(servers);
        using TcpListener given = new(IPAddress.Loopback, 0), other = new(IPAddress.Loopback, 0);
        given.Start();
        other.Start();
        await host.Add("hostile", new { command = "node", args = new[] { host.Script("hostile.mjs") }, sandbox = new { network = new[] { ((IPEndPoint)given.LocalEndpoint).Port } } });

        Assert.Equal("connected", Text(await host.Call("hostile.connect", new { port = ((IPEndPoint)given.LocalEndpoint).Port })));
        Assert.Equal("EACCES", Text(await host.Call("hostile.connect", new { port = ((IPEndPoint)other.LocalEndpoint).Port })));
    }

    [Fact]
    public async Task What_a_server_left_behind_ends_with_it()
    {
        await using var host = await McpHost.Start(servers);
        await host.Add("hostile", new { command = "node", args = new[] { host.Script("hostile.mjs") } });
        var left = (await Run(host, "setsid env -i sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1' &")).Trim();
        Assert.True(IsAlive(left));

        await host.Gateway.McpServers.Remove("hostile", "ann", Ct);
        Assert.Equal("not_found", (await host.Call("hostile.run")).Error?.Class);

        Assert.False(IsAlive(left));
    }

    [Fact]
    public async Task A_message_without_end_ends_the_server_and_not_the_gateway()
    {
        await using var host = await McpHost.Start(servers);
        await host.Add("hostile", new { command = "node", args = new[] { host.Script("hostile.mjs") } });

        Assert.Equal(ToolOutcomeStatus.NeedsReconcile, (await host.Call("hostile.flood")).Status);
        Assert.Equal("here\n", await Run(host, "echo here"));
    }

    [Fact]
    public void A_server_is_never_given_the_platforms_own_folders()
    {
        var options = new ToolGateway.Mcp.McpOptions { Folder = "/var/lib/x/mcp", Closed = ["/var/lib/x"] };
        foreach (var path in (string[])["/var/lib/x/keys", "/var/lib/x", "/var/lib"])
        {
            var entry = ToolGateway.Mcp.ReadMcpServers.One("one", System.Text.Json.JsonSerializer.SerializeToElement(new { command = "true", sandbox = new { writable = new[] { path } } }));
            Assert.Contains("platform's own data", Assert.Throws<SandboxException>(() => ToolGateway.Mcp.McpProgramPlan.Of(entry, "/bin/true", null, options)).Message, StringComparison.Ordinal);
        }
    }

    private static async Task<string> Run(McpHost host, string script) => Text(await host.Call("hostile.run", new { script = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(script)) }));

    private static uint OwnerOf(string folder)
    {
        using var handle = ToolGateway.Workspaces.Beneath.OpenAnywhere(folder);
        return ToolGateway.Workspaces.Beneath.Facts(handle).User;
    }

    private static string Outside(McpHost host)
    {
        var outside = Directory.CreateDirectory(Path.Combine(host.Folder, "outside")).FullName;
        Directory.CreateDirectory(Path.Combine(outside, "other-server"));
        foreach (var file in (string[])["secret", "kept", "other-server/notes"])
        {
            File.WriteAllText(Path.Combine(outside, file), "kept canary-of-the-host\n");
            File.SetUnixFileMode(Path.Combine(outside, file), (UnixFileMode)0b110_110_110);
        }
        File.SetUnixFileMode(outside, (UnixFileMode)0b111_111_111);
        return outside;
    }

    // As the user that the server runs as, without the sandbox: what then works, only the sandbox holds.
    private static Process As(uint user, string script, string folder)
    {
        string[] drop = Environment.IsPrivilegedProcess ? ["setpriv", $"--reuid={user}", $"--regid={user}", "--clear-groups"] : ["env"];
        return Process.Start(new ProcessStartInfo(drop[0], [.. drop[1..], "/bin/sh", "-c", script])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder, Environment = { ["CANARY"] = "canary-of-the-host" },
        })!;
    }

    private static bool IsAlive(string pid)
    {
        var stat = $"/proc/{int.Parse(pid, CultureInfo.InvariantCulture)}/stat";
        try
        {
            return File.Exists(stat) && !File.ReadAllText(stat).Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
