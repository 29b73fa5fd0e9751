using System.Diagnostics;
using System.Globalization;
using AgentPlatform.ToolGateway.Sandbox;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

public sealed class BoundsTests : IDisposable
{
    private readonly ConfinementFixture sandbox = new();

    public void Dispose() => sandbox.Dispose();

    [Fact]
    public async Task Time_is_bounded_and_the_whole_group_goes()
    {
        var pids = new List<int>();
        var ended = await sandbox.Sh("sleep 1000 & echo $!; sleep 1000 & echo $!; wait", Plan(new() { Duration = TimeSpan.FromSeconds(0.4) }), onLine: line => pids.Add(Number(line.Text)));
        Assert.Equal(SandboxEnd.TimedOut, ended.End);
        Assert.Equal(2, pids.Count);
        Assert.All(pids, pid => Assert.False(IsAlive(pid)));
    }

    [Fact]
    public async Task A_process_that_left_the_group_is_found_after_a_timeout()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/setsid"), "setsid is not installed.");
        var pids = new List<int>();
        await sandbox.Sh("setsid sh -c 'echo $$; exec sleep 1000' & wait", Plan(new() { Duration = TimeSpan.FromSeconds(0.5) }), onLine: line => pids.Add(Number(line.Text)));
        Assert.False(IsAlive(Assert.Single(pids)));
    }

    [Fact]
    public async Task Background_processes_end_with_the_command()
    {
        var pids = new List<int>();
        var ended = await sandbox.Sh("sleep 1000 & echo $!", onLine: line => pids.Add(Number(line.Text)));
        Assert.Equal(SandboxEnd.Exited, ended.End);
        Assert.True(ended.Duration < TimeSpan.FromSeconds(30));
        Assert.False(IsAlive(Assert.Single(pids)));
    }

    [Fact]
    public async Task Cancelling_kills_the_command()
    {
        using var stop = new CancellationTokenSource();
        var pids = new List<int>();
        var ended = await sandbox.Sh("echo $$; sleep 1000", ct: stop.Token, onLine: line =>
        {
            pids.Add(Number(line.Text));
            stop.Cancel();
        });
        Assert.Equal(SandboxEnd.Cancelled, ended.End);
        Assert.False(IsAlive(Assert.Single(pids)));
    }

    [Fact]
    public async Task A_fork_bomb_meets_the_process_limit()
    {
        var plan = Plan(new() { ProcessesMax = 20, Duration = TimeSpan.FromSeconds(20) });
        var ended = await sandbox.Sh("i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done; echo all started", plan);
        Assert.DoesNotContain("all started", ended.Output.Text, StringComparison.Ordinal);
        Assert.Contains("fork", ended.Errors.Text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Memory_is_bounded()
    {
        const string grow = "awk 'BEGIN { s = \"x\"; while (length(s) < 400000000) s = s s; print \"grown\" }'";
        Assert.Equal("grown\n", (await sandbox.Sh(grow, Plan(new() { MemoryBytesMax = 4L << 30 }))).Output.Text);
        var bounded = await sandbox.Sh(grow, Plan(new() { MemoryBytesMax = 64 << 20 }));
        Assert.NotEqual(0, bounded.ExitCode);
        Assert.DoesNotContain("grown", bounded.Output.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Processor_time_is_bounded()
    {
        var ended = await sandbox.Sh("while :; do :; done", Plan(new() { Cpu = TimeSpan.FromSeconds(1), Duration = TimeSpan.FromSeconds(60) }));
        Assert.Equal(SandboxEnd.Signalled, ended.End);
        Assert.True(ended.Duration < TimeSpan.FromSeconds(50));
    }

    [Fact]
    public async Task File_size_is_bounded()
    {
        var ended = await sandbox.Sh("head -c 2000000 /dev/zero > big", Plan(new() { FileBytesMax = 1_000_000 }));
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Equal(1_000_000, new FileInfo(Path.Combine(sandbox.Workspace.Root, "big")).Length);
    }

    [Fact]
    public async Task Output_is_cut_with_a_marker_and_endless_output_stops_the_call()
    {
        var cut = await sandbox.Sh("head -c 5000 /dev/zero | tr '\\0' a", Plan(new() { OutputBytesKept = 1000 }));
        Assert.Equal(0, cut.ExitCode);
        Assert.True(cut.Output.Truncated);
        Assert.Equal(5000, cut.Output.BytesSeen);
        Assert.Contains("4000 more bytes", cut.Output.Text, StringComparison.Ordinal);

        var endless = await sandbox.Sh("yes", Plan(new() { OutputBytesMax = 1_000_000 }));
        Assert.Equal(SandboxEnd.TooMuchOutput, endless.End);
    }

    [Fact]
    public async Task Nothing_is_left_of_a_calls_temp_folder()
    {
        var ended = await sandbox.Sh("mkdir -p $TMPDIR/a/b && echo x > $TMPDIR/a/b/c && test -w $HOME && echo made");
        Assert.Equal("made\n", ended.Output.Text);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(sandbox.Workspace.Root, ".scratch")));
    }

    [Fact]
    public async Task Tools_end_when_the_gateway_is_gone()
    {
        // The gateway's death as its guardian sees it: the pipe's write end closes.
        var leader = new TaskCompletionSource<int>();
        var running = sandbox.Sh("echo $$; sleep 1000", onLine: line => leader.SetResult(Number(line.Text)));
        var pid = await leader.Task;
        Assert.True(IsAlive(pid));
        sandbox.Confinement.Guardian.Dispose();
        var ended = await running;
        Assert.Equal(SandboxEnd.Signalled, ended.End);
        Assert.Equal(137, ended.ExitCode);
    }

    [Fact]
    public async Task The_guardian_finds_processes_that_left_their_group()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/perl") && File.Exists("/usr/bin/setsid"), "perl and setsid are not installed; they make groups and sessions here.");
        using var guardian = new Guardian();
        using var leader = Process.Start(new ProcessStartInfo("/usr/bin/setsid", ["sh", "-c", "perl -e 'setpgrp; $| = 1; print \"$$\\n\"; sleep 1000' & wait"]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        guardian.Watch(leader.Id);
        var left = Number((await leader.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!);

        guardian.Dispose(); // As when the gateway is killed: the pipe's write end closes.

        await leader.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await leader.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)); // At its end when nobody holds it any more.
        Assert.False(IsAlive(left));
    }

    [Fact]
    public async Task Memory_and_disk_of_all_processes_together_are_bounded_and_the_reason_is_told()
    {
        var look = new SandboxLimits { LookEvery = TimeSpan.FromMilliseconds(50) };
        var memory = await sandbox.Sh("for i in 1 2 3 4; do awk 'BEGIN { s = \"x\"; while (length(s) < 30000000) s = s s; system(\"sleep 60\") }' & done; wait", Plan(look with { CallMemoryBytesMax = 64 << 20 }));
        Assert.Equal(SandboxEnd.TooMuchMemory, memory.End);
        Assert.Contains("may take 64 MiB", memory.Why, StringComparison.Ordinal);

        var disk = await sandbox.Sh("i=0; while [ $i -lt 200 ]; do head -c 1000000 /dev/zero > f$i; i=$((i+1)); done; sleep 60", Plan(look with { WorkspaceBytesMax = 50_000_000 }));
        Assert.Equal(SandboxEnd.TooMuchDisk, disk.End);
        Assert.Contains("the workspace holds", disk.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_calls_at_once_keep_their_outputs_apart()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 40).Select(number => sandbox.Sh($"echo {number}; echo {number} >&2")));
        Assert.Equal(Enumerable.Range(0, 40).Select(number => $"{number}\n"), all.Select(ended => ended.Output.Text));
        Assert.All(all, ended => Assert.Equal(ended.Output.Text, ended.Errors.Text));
    }

    private static SandboxPlan Plan(SandboxLimits limits) => SandboxPlan.Locked.Within(limits);

    private static int Number(string line) => int.Parse(line, CultureInfo.InvariantCulture);

    private static bool IsAlive(int pid)
    {
        // A killed process may still be a zombie of ours or of init for a moment: that is dead.
        var deadline = Stopwatch.StartNew();
        while (deadline.Elapsed < TimeSpan.FromSeconds(5))
        {
            var status = $"/proc/{pid}/stat";
            if (!File.Exists(status)) return false;
            try
            {
                if (File.ReadAllText(status).Contains(") Z ", StringComparison.Ordinal)) return false;
            }
            catch (IOException)
            {
                return false;
            }
            if (deadline.Elapsed > TimeSpan.FromSeconds(1)) return true;
            Thread.Yield();
        }
        return true;
    }
}
