using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Sandbox.Egress;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Toolkits.Shell;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>A call that may reach some hosts reaches those, through the proxy, and nothing else.</summary>
public sealed class EgressTests : IDisposable
{
    private readonly ConfinementFixture sandbox = new();
    private readonly TcpListener given = new(IPAddress.Loopback, 0), other = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<EgressAttempt> asked = new();

    public EgressTests()
    {
        given.Start();
        other.Start();
        _ = Answer();
    }

    private int Given => ((IPEndPoint)given.LocalEndpoint).Port;

    private int Other => ((IPEndPoint)other.LocalEndpoint).Port;

    public void Dispose()
    {
        given.Dispose();
        other.Dispose();
        sandbox.Dispose();
    }

    [Fact]
    public async Task A_granted_host_answers_over_http_and_through_a_tunnel()
    {
        NeedsBash();
        Assert.Contains("hello from the host", await Ask($"GET http://127.0.0.1:{Given}/a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"), StringComparison.Ordinal);
        Assert.Contains("hello from the host", await Ask($"CONNECT 127.0.0.1:{Given} HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.1\\r\\n\\r\\n"), StringComparison.Ordinal);
        Assert.All(asked, attempt => Assert.Equal(("127.0.0.1", Given, true), (attempt.Host, attempt.Port, attempt.Granted)));
    }

    [Fact]
    public async Task Whatever_else_is_asked_for_is_refused_and_told()
    {
        NeedsBash();
        Assert.Contains("403 Forbidden", await Ask($"CONNECT 127.0.0.1:{Other} HTTP/1.1\\r\\n\\r\\n"), StringComparison.Ordinal);
        Assert.Contains("403 Forbidden", await Ask("CONNECT elsewhere.example:443 HTTP/1.1\\r\\n\\r\\n"), StringComparison.Ordinal);
        Assert.Contains("400 Bad Request", await Ask("GET / HTTP/1.1\\r\\nHost: elsewhere.example\\r\\n\\r\\n"), StringComparison.Ordinal);
        Assert.Equal([("127.0.0.1", Other, false), ("elsewhere.example", 443, false)], asked.Select(attempt => (attempt.Host, attempt.Port, attempt.Granted)));
    }

    [Fact]
    public async Task Past_the_proxy_there_is_nothing()
    {
        NeedsBash();
        foreach (var port in (int[])[Given, Other]) // The granted host too: its port is here, on another loopback.
        {
            Assert.DoesNotContain("reached", await Bash($"exec 5<>/dev/tcp/127.0.0.1/{port} && echo reached"), StringComparison.Ordinal);
        }
        Assert.DoesNotContain("reached", await Bash($"exec 5<>/dev/tcp/192.0.2.1/{EgressProxy.Port} && echo reached"), StringComparison.Ordinal); // The one port, on another host.
        Assert.DoesNotContain("reached", await Bash($"echo x > /dev/udp/127.0.0.1/{Given} && echo reached"), StringComparison.Ordinal);
        Assert.Empty(asked);
    }

    [Fact]
    public async Task A_command_reaches_the_hosts_it_names_and_what_it_asked_for_stands_in_its_result()
    {
        NeedsBash();
        var script = $"ask() {{ exec 5<>/dev/tcp/127.0.0.1/{EgressProxy.Port}; printf \"CONNECT $1 HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.1\\r\\n\\r\\n\" >&5; timeout 5 cat <&5; }}; ask 127.0.0.1:{Given}; ask elsewhere.example:443";

        var reached = await Shell(new { argv = new[] { "/bin/bash", "-c", script }, hosts = new[] { $"127.0.0.1:{Given}" } });
        var alone = await Shell(new { argv = new[] { "/bin/bash", "-c", script } });

        Assert.Contains("hello from the host", reached.GetProperty("stdout").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            [("127.0.0.1", Given, true), ("elsewhere.example", 443, false)],
            reached.GetProperty("egress").GetProperty("connections").EnumerateArray().Select(c => (c.GetProperty("host").GetString()!, c.GetProperty("port").GetInt32(), c.GetProperty("granted").GetBoolean())));
        Assert.DoesNotContain("hello", alone.GetProperty("stdout").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*.example.org", "stands for many hosts")]
    [InlineData("http://a.example/", "has no port")]
    [InlineData("2130706433", "is the address 127.0.0.1")]
    [InlineData("0x7f.1:80", "is the address 127.0.0.1")]
    public async Task A_host_is_named_so_that_rules_and_people_can_read_it(string host, string why)
    {
        var output = await Run(new { script = "true", hosts = new[] { host } });
        Assert.Equal(FailureClass.InvalidArguments, output.Failure?.Class);
        Assert.Contains(why, output.Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_that_names_hosts_is_asked_about_and_only_a_grant_that_names_them_opens_it()
    {
        var engine = new PolicyEngine(ReadPolicy.From("rules: [{ name: all, tools: ['*'], verdict: allow, because: because }]").Rules);
        PolicyCall Call(params string[] hosts) => PolicyCall.Of(Tool.Spec, JsonSerializer.SerializeToElement(new { script = "curl", hosts }), "developer", "run/1", tainted: false, DateTimeOffset.UnixEpoch);
        bool Opens(string[]? granted, params string[] hosts) => new GrantScope(["shell.run"], Hosts: granted).IsGoodFor(Call(hosts), run: null, task: null);

        Assert.Equal((Verdict.Allow, Verdict.Ask, "shell-hosts"), (engine.Decide(Call()).Verdict, engine.Decide(Call("a.example:8443")).Verdict, engine.Decide(Call("a.example:8443")).Rule));
        Assert.True(Opens(granted: null));
        Assert.False(Opens(granted: null, "a.example"));
        Assert.True(Opens(["a.example"], "A.example:8443"));
        Assert.False(Opens(["a.example"], "a.example", "b.example"));
    }

    [Fact]
    public async Task A_gateway_that_cannot_make_a_network_refuses_the_call()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "This gateway can.");
        var refused = Assert.IsType<SandboxResult.Refused>(await sandbox.Run(["true"], SandboxPlan.Locked.Reach("api.example.org")));
        Assert.Equal(SandboxLayer.Network, refused.Layer);
    }

    [Theory]
    [InlineData("api.example.org", "api.example.org", 443, true)]
    [InlineData("api.example.org", "API.example.org.", 80, true)]
    [InlineData("api.example.org", "api.example.org", 22, false)]
    [InlineData("api.example.org:22", "api.example.org", 22, true)]
    [InlineData("api.example.org:22", "api.example.org", 443, false)]
    [InlineData("api.example.org", "evil-api.example.org", 443, false)]
    [InlineData("api.example.org", "api.example.org.evil.example", 443, false)]
    [InlineData("*.example.org", "a.b.example.org", 443, true)]
    [InlineData("*.example.org", "example.org", 443, false)]
    [InlineData("*.example.org", "evilexample.org", 443, false)]
    [InlineData("192.0.2.1:8080", "192.0.2.1", 8080, true)]
    public void A_grant_fits_a_host_and_a_port(string grant, string host, int port, bool fits) => Assert.Equal(fits, new HostGrants([grant]).Refusal(host.ToLowerInvariant(), port) is null);

    [Theory]
    [InlineData("127.0.0.1"), InlineData("10.1.2.3"), InlineData("169.254.169.254"), InlineData("172.20.0.1"), InlineData("192.168.1.1"), InlineData("100.64.0.1"), InlineData("::1"), InlineData("fe80::1"), InlineData("fd00::1"), InlineData("::ffff:10.0.0.1"), InlineData("0.0.0.0")]
    public void A_name_that_leads_to_this_machine_or_its_network_is_refused(string address)
    {
        Assert.NotNull(HostGrants.RefusalOf(IPAddress.Parse(address), "innocent.example.org"));
        Assert.Null(HostGrants.RefusalOf(IPAddress.Parse(address), address));
        Assert.Null(HostGrants.RefusalOf(IPAddress.Parse("93.184.216.34"), "innocent.example.org"));
    }

    [Theory]
    [InlineData("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\nProxy-Authorization: x", "a.example", 80, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")]
    [InlineData("POST http://a.example:8080/p?q=1 HTTP/1.1\r\nContent-Length: 3", "a.example", 8080, "POST /p?q=1 HTTP/1.1\r\nHost: a.example:8080\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")]
    public void A_plain_request_goes_to_the_host_it_names(string head, string host, int port, string forwarded) => Assert.Equal(new ProxyRequest(host, port, IsTunnel: false, forwarded), ProxyRequest.Parse(head));

    [Theory]
    [InlineData("GET / HTTP/1.1"), InlineData("CONNECT a.example HTTP/1.1"), InlineData("CONNECT a.example:99999 HTTP/1.1"), InlineData("GET https://a.example/ HTTP/1.1"), InlineData("GET http://u:p@a.example/ HTTP/1.1"), InlineData("GET http://a.example/ HTTP/1.1\r\nA: b\nHost: c")]
    public void Anything_else_is_no_request(string head) => Assert.Null(ProxyRequest.Parse(head));

    [Fact]
    public void A_host_that_is_none_is_refused() => Assert.Throws<ArgumentException>(() => SandboxPlan.Locked.Reach("http://a.example/"));

    private static void NeedsBash()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only a root gateway can make a network namespace.");
        Assert.SkipUnless(File.Exists("/bin/bash"), "bash is not installed; it is the one shell that opens TCP connections by itself.");
    }

    private RunShell Tool => new(sandbox.Confinement, new ShellOptions());

    private Task<ToolOutput> Run(object arguments) => Tool.Run(
        new ToolCall { Invocation = Guid.CreateVersion7(), Arguments = JsonSerializer.SerializeToElement(arguments), Workspace = sandbox.Workspace }, TestContext.Current.CancellationToken);

    private async Task<JsonElement> Shell(object arguments) => (await Run(arguments)).Content;

    private Task<string> Ask(string request) => Bash($"exec 5<>/dev/tcp/127.0.0.1/{EgressProxy.Port}; printf '{request}' >&5; timeout 5 cat <&5");

    private async Task<string> Bash(string script)
    {
        var command = new SandboxCommand { Arguments = ["/bin/bash", "-c", script], Workspace = sandbox.Workspace, OnEgress = asked.Enqueue };
        var ended = Assert.IsType<SandboxResult.Ended>(await sandbox.Confinement.Run(command, SandboxPlan.Locked.Reach($"127.0.0.1:{Given}"), TestContext.Current.CancellationToken));
        return ended.Output.Text;
    }

    private async Task Answer()
    {
        try
        {
            while (true)
            {
                using var client = await given.AcceptTcpClientAsync();
                var buffer = new byte[4096];
                _ = await client.GetStream().ReadAsync(buffer);
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello from the host"));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over.
        }
    }
}
