using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Tests.Logs;

public sealed class LogTests : IDisposable
{
    private readonly TemporaryFolder folder = TemporaryFolder.Make();

    private string Path => System.IO.Path.Combine(folder.Path, "service.log");

    [Fact]
    public void A_log_on_disk_is_turned_over_and_the_oldest_goes()
    {
        using (var file = new LogFile(Path, bytesMax: 100, oldFilesMax: 2))
        {
            for (var i = 0; i < 50; i++)
            {
                Assert.Null(file.Write(DateTimeOffset.UnixEpoch, $"line {i}"));
            }
        }

        Assert.Equal(["service.log", "service.log.1", "service.log.2"], Directory.EnumerateFiles(folder.Path).Select(System.IO.Path.GetFileName).Order());
        Assert.EndsWith("line 49", File.ReadAllLines(Path)[^1], StringComparison.Ordinal);
        Assert.True(Directory.EnumerateFiles(folder.Path).Sum(file => new FileInfo(file).Length) < 1_000);
    }

    [Fact]
    public void A_disk_that_cannot_be_written_is_told_once_and_stops_nobody()
    {
        using var file = new LogFile(System.IO.Path.Combine(folder.Path, "no such folder", "service.log"));
        Assert.Contains("cannot be written", file.Write(DateTimeOffset.UnixEpoch, "one"), StringComparison.Ordinal);
        Assert.Null(file.Write(DateTimeOffset.UnixEpoch, "two"));
    }

    [Fact]
    public void Memory_holds_the_last_lines_only()
    {
        using var file = new LogFile(Path);
        var log = new ConsoleLog("service", file, (_, _) => { }, TimeProvider.System);
        for (var i = 1; i <= ConsoleLog.LinesMax + 10; i++)
        {
            log.Write(new OutputLine("x", IsError: false));
        }

        var (lines, _) = log.ReadAfter(0, int.MaxValue);
        Assert.Equal((11, ConsoleLog.LinesMax), (lines[0].Number, lines.Length));

        log.Write(new OutputLine(new string('y', ConsoleLog.CharactersMax), IsError: false));
        Assert.Single(log.ReadAfter(0, int.MaxValue).Lines);
    }

    [Fact]
    public async Task A_reader_is_woken_by_the_next_line()
    {
        using var file = new LogFile(Path);
        var log = new ConsoleLog("service", file, (_, _) => { }, TimeProvider.System);
        var (none, more) = log.ReadAfter(0, 10);
        Assert.Empty(none);
        Assert.False(more.IsCompleted);

        log.Write(new OutputLine("now", IsError: false));
        await more.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Equal("now", log.ReadAfter(0, 10).Lines.Single().Text);
    }

    [Theory]
    [InlineData("info: Lifetime[0] started", LogDetail.All)]
    [InlineData("warn: Outbox[7] slow", LogDetail.Warning)]
    [InlineData("fail: Outbox[8] broken", LogDetail.Error)]
    [InlineData("[1] 2026/01/01 00:00:00 [ERR] no disk", LogDetail.Error)]
    [InlineData("2026-01-01 UTC [7] FATAL:  no", LogDetail.Error)]
    [InlineData("[apphost] starting it again", LogDetail.Warning)]
    public void The_level_is_read_from_the_line(string line, object least)
    {
        Assert.Equal(least, Terminal.LevelOf(new OutputLine(line, IsError: false)));
    }

    [Fact]
    public void The_terminal_shows_what_was_asked_for_with_its_resource()
    {
        var output = new StringWriter();
        var terminal = new Terminal(output, LogDetail.Error, hasColour: false);
        terminal.Show("audit", new OutputLine("warn: no", IsError: false));
        terminal.Show("audit", new OutputLine("fail: yes", IsError: false));
        Assert.Equal("audit          fail: yes\n", output.ToString());
    }

    public void Dispose() => folder.Dispose();
}
