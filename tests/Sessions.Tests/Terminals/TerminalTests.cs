using System.Diagnostics;
using System.Text.RegularExpressions;
using AgentPlatform.Sessions.Terminals;

namespace AgentPlatform.Sessions.Tests.Terminals;

public sealed partial class TerminalTests : TerminalFixture
{
    private const string Victim = "AGENTPLATFORM_TEST_TERMINAL_VICTIM";

    [Fact]
    public async Task What_is_typed_reaches_the_shell_and_its_answer_comes_back()
    {
        var terminal = Open();
        await Type(terminal, "echo $((6 * 7))-done\n");
        await Until(terminal, "42-done");
        await Type(terminal, "exit 3\n");

        Assert.Equal(3, await terminal.Exited);
    }

    [Fact]
    public async Task The_program_has_a_controlling_terminal_of_the_given_size_and_hears_of_a_new_one()
    {
        var terminal = Open("tty; stty size < /dev/tty; trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done",
            with: spec => spec with { Columns = 100, Rows = 30 });
        var before = await Until(terminal, "ready");
        terminal.Resize(132, 50);

        Assert.Contains("/dev/pts/", before, StringComparison.Ordinal);
        Assert.Contains("30 100", before, StringComparison.Ordinal);
        Assert.Equal(0, await terminal.Exited);
        Assert.Contains("50 132", await All(terminal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_interrupt_key_reaches_the_program_in_the_foreground()
    {
        // It says that it is ready only when it is: an interactive shell may throw away what is typed around the interrupt.
        var terminal = Open("trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.1; done");
        await Until(terminal, "ready");
        await Type(terminal, "\x03");

        await Until(terminal, "interrupted");
        Assert.Equal(3, await terminal.Exited);
    }

    [Fact]
    public async Task The_environment_is_built_from_nothing()
    {
        Environment.SetEnvironmentVariable("TERMINAL_TESTS_SECRET", "canary");
        var terminal = Open("env; ls -l /proc/self/fd", with: spec => spec with { Environment = new Dictionary<string, string> { ["EXTRA"] = "yes" } });
        var seen = await All(terminal);

        var names = seen.Split('\n').Select(line => line.Split('=')[0].Trim()).Where(name => NamePattern().IsMatch(name)).Order(StringComparer.Ordinal);
        Assert.Equal(["AGENTPLATFORM_SESSION", "EXTRA", "HOME", "LANG", "PATH", "PWD", "TERM"], names.Where(name => name is not ("SHLVL" or "OLDPWD" or "_")));
        Assert.DoesNotContain("canary", seen, StringComparison.Ordinal);
        // Descriptors 0 to 2, and the one ls itself opened.
        Assert.Equal(4, seen.Split('\n').Count(line => line.Contains("->", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Output_written_just_before_the_end_is_not_lost()
    {
        for (var round = 0; round < 20; round++)
        {
            var terminal = Open("seq 1 2000; exit 7");

            Assert.Equal(7, await terminal.Exited);
            Assert.EndsWith("2000\r\n", await All(terminal), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_signal_is_told_as_128_and_its_number() => Assert.Equal(128 + 9, await Open("kill -9 $$").Exited);

    [Fact]
    public async Task Closing_ends_everything_the_session_started_however_it_resists()
    {
        var terminal = Open("""
            trap '' HUP TERM INT
            sh -c 'trap "" HUP; sleep 1000 & echo child=$!; wait' &
            setsid sh -c 'trap "" HUP; echo away=$$; exec sleep 1001' < /dev/null &
            nohup sleep 1002 > /dev/null 2>&1 & echo nohup=$!
            while :; do sleep 1; done
            """);
        var processes = new List<int>();
        foreach (var name in new[] { "child", "away", "nohup" })
        {
            processes.Add(await Number(terminal, name));
        }
        Assert.All(processes, process => Assert.True(Lives(process)));
        var clock = Stopwatch.StartNew();
        var code = await terminal.Close();

        Assert.Equal(128 + 9, code);
        Assert.All(processes, process => Assert.False(Lives(process), $"process {process} survived"));
        Assert.False(Lives(terminal.ProcessId));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"took {clock.Elapsed}");
        Assert.Equal(code, await terminal.Close());
    }

    [Fact]
    public async Task A_shell_that_ends_takes_its_background_work_with_it()
    {
        var terminal = Open("sleep 1000 & echo child=$!; exit 0");
        Assert.Equal(0, await terminal.Exited);

        Assert.False(Lives(await Number(terminal, "child")));
    }

    [Fact]
    public async Task A_program_that_does_not_read_refuses_the_writer_instead_of_holding_it()
    {
        var terminal = Open("stty raw -echo; echo ready; sleep 1000", new TerminalOptions { WriteDurationMax = TimeSpan.FromMilliseconds(100), CloseGrace = TimeSpan.FromSeconds(1) });
        await Until(terminal, "ready");

        var refused = await Assert.ThrowsAsync<TerminalException>(() => terminal.Write(new byte[60_000], CancellationToken.None));
        Assert.Contains("did not read", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_ended_terminal_refuses_in_words()
    {
        var terminal = Open("exit 0");
        await terminal.Exited;

        await Assert.ThrowsAsync<TerminalException>(() => Type(terminal, "x"));
        Assert.Throws<TerminalException>(() => terminal.Resize(80, 24));
    }

    [Theory]
    [InlineData("sh", "absolute path")]
    [InlineData("/no/such/program", "No such file")]
    public void A_program_that_cannot_be_started_is_named(string program, string reason)
    {
        var refused = Assert.Throws<TerminalException>(() => Open(with: spec => spec with { Command = [program] }));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_recording_is_an_asciicast_of_what_was_seen()
    {
        var path = Path.Combine(Folder, "session.cast");
        var terminal = Open("read x; printf 'a\\303'; printf '\\251b'; stty -echo; echo off; read hidden; stty size",
            with: spec => spec with { RecordingPath = path });
        await Type(terminal, "go\n");
        await Until(terminal, "off");
        terminal.Resize(90, 20);
        await Type(terminal, "password\n");
        await terminal.Exited;

        var lines = await File.ReadAllLinesAsync(path);
        var header = System.Text.Json.Nodes.JsonNode.Parse(lines[0])!;
        Assert.Equal((2, 80, 24), ((int)header["version"]!, (int)header["width"]!, (int)header["height"]!));
        var events = lines[1..].Select(line => System.Text.Json.Nodes.JsonNode.Parse(line)!.AsArray()).ToArray();
        Assert.Equal(await All(terminal), string.Concat(events.Where(e => (string)e[1]! == "o").Select(e => (string)e[2]!)));
        Assert.Contains("aéb", string.Concat(events.Select(e => (string)e[2]!)), StringComparison.Ordinal);
        Assert.Equal("90x20", (string)Assert.Single(events, e => (string)e[1]! == "r")[2]!);
        Assert.Equal(events.Select(e => (double)e[0]!).Order(), events.Select(e => (double)e[0]!));
        Assert.DoesNotContain("password", string.Concat(lines), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public async Task A_recording_stops_at_its_bound_and_says_so()
    {
        var path = Path.Combine(Folder, "session.cast");
        var terminal = Open("seq 1 100000", new TerminalOptions { RecordingBytesMax = 50_000 }, spec => spec with { RecordingPath = path });
        await terminal.Exited;

        Assert.Contains("RecordingBytesMax", terminal.RecordingStoppedBecause, StringComparison.Ordinal);
        Assert.Contains("\"m\"", (await File.ReadAllLinesAsync(path))[^1], StringComparison.Ordinal);
        Assert.InRange(new FileInfo(path).Length, 50_000, 200_000);
    }

    [Fact]
    public async Task The_program_dies_when_the_service_is_killed()
    {
        var victim = Path.Combine(Folder, "pid");
        using var service = new Process
        {
            StartInfo = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true },
        };
        foreach (var argument in (string[])[typeof(TerminalTests).Assembly.Location, "-explicit", "only", "-method", $"{typeof(TerminalTests).FullName}.{nameof(Service_that_will_be_killed)}"])
        {
            service.StartInfo.ArgumentList.Add(argument);
        }
        if (!Path.GetFileName(Environment.ProcessPath!).StartsWith("dotnet", StringComparison.Ordinal))
        {
            service.StartInfo.ArgumentList.RemoveAt(0);
        }
        service.StartInfo.Environment[Victim] = victim;
        service.Start();
        using var watcher = new FileSystemWatcher(Folder) { EnableRaisingEvents = true };
        var written = new TaskCompletionSource();
        watcher.Renamed += (_, change) => { if (change.FullPath == victim) { written.TrySetResult(); } };
        if (File.Exists(victim))
        {
            written.TrySetResult();
        }
        try
        {
            await written.Task.WaitAsync(TimeSpan.FromSeconds(30));
            var shell = int.Parse(await File.ReadAllTextAsync(victim));
            Assert.True(Lives(shell));
            using var waiting = Process.GetProcessById(shell);
            service.Kill();

            await waiting.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
            Assert.False(Lives(shell));
        }
        finally
        {
            service.Kill();
            await service.WaitForExitAsync();
        }
    }

    /// <summary>Not a test: the process that <see cref="The_program_dies_when_the_service_is_killed"/> starts and kills.</summary>
    [Fact(Explicit = true)]
    public async Task Service_that_will_be_killed()
    {
        var path = Environment.GetEnvironmentVariable(Victim);
        Assert.SkipWhen(path is null, "runs only as the child of another test");
        var terminal = Open("exec sleep 1000");
        await File.WriteAllTextAsync(path + ".part", terminal.ProcessId.ToString());
        File.Move(path + ".part", path!);
        await terminal.Exited;
    }

    [GeneratedRegex("^[A-Z_]+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();
}
