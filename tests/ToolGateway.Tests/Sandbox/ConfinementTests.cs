using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AgentPlatform.ToolGateway.Sandbox;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

public sealed class ConfinementTests : IDisposable
{
    private readonly ConfinementFixture sandbox = new();

    public void Dispose() => sandbox.Dispose();

    [Fact]
    public async Task A_command_runs_in_its_workspace_and_its_output_comes_back()
    {
        var ended = await sandbox.Sh("pwd; cat; echo problem >&2; exit 3", input: "from stdin\n");
        Assert.Equal(SandboxEnd.Exited, ended.End);
        Assert.Equal(3, ended.ExitCode);
        Assert.Equal($"{sandbox.Workspace.Root}\nfrom stdin\n", ended.Output.Text);
        Assert.Equal("problem\n", ended.Errors.Text);
    }

    [Fact]
    public async Task It_writes_inside_the_workspace_and_nowhere_else()
    {
        var outside = sandbox.Folder.Of("outside");
        Directory.CreateDirectory(outside);
        File.SetUnixFileMode(outside, (UnixFileMode)0b111_111_111); // Any user could write here: only the sandbox prevents it.
        File.WriteAllText(Path.Combine(outside, "kept"), "kept");
        File.SetUnixFileMode(Path.Combine(outside, "kept"), (UnixFileMode)0b110_110_110);

        var ended = await sandbox.Sh($"mkdir -p a/b && echo yes > a/b/inside; echo no > {outside}/new; echo no > {outside}/kept; rm {outside}/kept; ln {outside}/kept stolen; : ; cat a/b/inside");

        Assert.Equal("yes\n", ended.Output.Text);
        Assert.Equal("kept", File.ReadAllText(Path.Combine(outside, "kept")));
        Assert.Equal(["kept"], Directory.GetFiles(outside).Select(Path.GetFileName));
        Assert.False(File.Exists(Path.Combine(sandbox.Workspace.Root, "stolen")));
        Assert.Contains("ermission denied", ended.Errors.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cat {0}")]
    [InlineData("ln -s {0} link && cat link")]
    [InlineData("cat {0}/../secret")]
    [InlineData("cd / && cat .{0}")]
    [InlineData("awk '{{print}}' {0}")]
    [InlineData("sh < {0}")]
    public async Task It_cannot_read_a_file_outside_even_one_that_everybody_may_read(string attempt)
    {
        var secret = sandbox.Folder.Of("secret");
        File.WriteAllText(secret, "echo leaked");
        File.SetUnixFileMode(secret, (UnixFileMode)0b110_100_100);

        var ended = await sandbox.Sh(string.Format(attempt, secret));

        Assert.NotEqual(0, ended.ExitCode);
        Assert.DoesNotContain("leaked", ended.Output.Text + ended.Errors.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/proc/1/cmdline")]
    [InlineData("/etc/shadow")]
    [InlineData("/proc/sys/kernel/core_pattern")]
    public async Task System_secrets_and_other_processes_are_out_of_reach(string path)
    {
        var ended = await sandbox.Sh($"cat {path}");
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Equal("", ended.Output.Text);
    }

    [Fact]
    public async Task A_loopback_listener_is_reachable_only_with_the_port_in_the_plan()
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "bash is not installed; it is the one shell that opens TCP connections by itself.");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        string[] connect = ["/bin/bash", "-c", $"exec 5<>/dev/tcp/127.0.0.1/{port} && echo connected"];

        using var unconfined = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", connect[2]]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        Assert.Equal("connected\n", await unconfined.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));

        var locked = Assert.IsType<SandboxResult.Ended>(await sandbox.Run(connect));
        Assert.NotEqual(0, locked.ExitCode);
        Assert.DoesNotContain("connected", locked.Output.Text, StringComparison.Ordinal);

        var otherPort = Assert.IsType<SandboxResult.Ended>(await sandbox.Run(connect, SandboxPlan.Locked.ConnectTo(port == 1 ? 2 : port - 1)));
        Assert.NotEqual(0, otherPort.ExitCode);

        var thisPort = Assert.IsType<SandboxResult.Ended>(await sandbox.Run(connect, SandboxPlan.Locked.ConnectTo(port)));
        Assert.Equal("connected\n", thisPort.Output.Text);
    }

    [Fact]
    public async Task The_environment_is_built_from_nothing()
    {
        Environment.SetEnvironmentVariable("TOOLGATEWAY_TEST_SECRET", "must not travel");
        var ended = await sandbox.Sh("env | cut -d= -f1 | sort | tr '\\n' ' '");
        Assert.Equal("HOME LANG LC_ALL PATH PWD TMPDIR TZ ", ended.Output.Text);
    }

    [Fact]
    public async Task No_descriptor_of_the_gateway_is_inherited()
    {
        using var held = new FileStream(sandbox.Folder.Of("held"), FileMode.Create);
        var ended = await sandbox.Sh("for n in 3 4 5 6 7 8 9; do (: <&$n) 2>/dev/null && echo open $n; done; echo checked");
        Assert.Equal("checked\n", ended.Output.Text);
    }

    [Fact]
    public async Task Kernel_calls_that_no_tool_needs_are_closed()
    {
        var ended = await sandbox.Sh("unshare -U true; unshare -r true; mount -t tmpfs none . ; ulimit -c; id -u; grep -E 'NoNewPrivs|Seccomp:|CapEff' /proc/self/status",
            SandboxPlan.Locked.Readable("/proc"));
        Assert.Contains("unshare", ended.Errors.Text, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", ended.Output.Text, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t2", ended.Output.Text, StringComparison.Ordinal);
        Assert.Contains("CapEff:\t0000000000000000", ended.Output.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\n0\n0\n", "\n" + ended.Output.Text, StringComparison.Ordinal); // Core limit 0 is wanted, user id 0 is not.
    }

    [Fact]
    public async Task Signals_to_other_processes_are_stopped()
    {
        Assert.SkipUnless(Landlock.HandlesSignals, "This kernel's Landlock cannot scope signals.");
        var ended = await sandbox.Sh($"kill -0 {Environment.ProcessId}", SandboxPlan.Locked.Require(SandboxLayer.Signals));
        Assert.NotEqual(0, ended.ExitCode);
    }

    [Fact]
    public async Task A_protected_folder_stays_as_it_is_inside_a_writable_one()
    {
        var git = Path.Combine(sandbox.Workspace.Root, ".git");
        await sandbox.Workspace.WriteText(".git/config", "kept", default);
        await sandbox.Workspace.WriteText("source/a", "a", default);

        var ended = await sandbox.Sh("echo new > source/b; cat .git/config; echo evil > .git/config; mkdir .git/hooks; rm -rf .git; mv .git x; ls source", SandboxPlan.Locked.Protect(git));

        Assert.Equal("kepta\nb\n", ended.Output.Text);
        Assert.Equal("kept", File.ReadAllText(Path.Combine(git, "config")));
        Assert.False(Directory.Exists(Path.Combine(git, "hooks")));
    }

    [Fact]
    public async Task A_folder_the_tools_user_may_not_enter_is_named_before_anything_starts()
    {
        Assert.SkipUnless(Environment.UserName == "root", "Only a root gateway drops to another user.");
        var closed = sandbox.Folder.Of("closed");
        Directory.CreateDirectory(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var workspace = AgentPlatform.ToolGateway.Workspaces.Workspace.Open(Path.Combine(closed, "workspace"));
        var result = await sandbox.Confinement.Run(new() { Arguments = ["true"], Workspace = workspace }, SandboxPlan.Locked, default);
        var refused = Assert.IsType<SandboxResult.Refused>(result);
        Assert.Equal(SandboxLayer.Identity, refused.Layer);
        Assert.Contains(closed, refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_whose_reader_left_ends_its_writer() => // The runtime ignores SIGPIPE; a tool that inherited that would write for ever.
        Assert.Equal("y\n", (await sandbox.Sh("yes | head -n 1")).Output.Text);

    [Fact]
    public void A_plan_is_a_value()
    {
        Assert.Equal(SandboxPlan.Locked.Writable("/a").Readable("/c", "/b"), SandboxPlan.Locked.Readable("/b").Readable("/c").Writable("/a"));
        Assert.NotEqual(SandboxPlan.Locked, SandboxPlan.Locked.WithInternet());
        Assert.Throws<ArgumentException>(() => SandboxPlan.Locked.Writable("relative"));
    }

    [Fact]
    public async Task A_missing_program_is_named_before_anything_starts()
    {
        var result = await sandbox.Run(["no-such-program-here"]);
        Assert.Contains("no-such-program-here", Assert.IsType<SandboxResult.NotStarted>(result).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_layers_in_force_are_reported()
    {
        var ended = await sandbox.Sh("true");
        Assert.Contains(ended.Layers, layer => layer.Layer == SandboxLayer.Files && layer.By.StartsWith("landlock abi", StringComparison.Ordinal));
        Assert.Contains(ended.Layers, layer => layer.Layer == SandboxLayer.Syscalls);
    }
}
