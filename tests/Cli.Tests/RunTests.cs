using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Tests;

public sealed class RunTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public async Task A_stream_that_breaks_in_the_middle_is_taken_up_after_the_last_whole_event()
    {
        await using var platform = await FakePlatform.Start(breaksAfter: 2);

        var said = await Run(platform);

        Assert.Equal(0, said.ExitCode);

        // A connection that is cut may take events with it that were on their way; it is taken up after the last one that arrived, whichever that was.
        Assert.Equal(2, platform.LastEventIds.Count);
        Assert.Equal("0", platform.LastEventIds.First());
        Assert.InRange(int.Parse(platform.LastEventIds.Last()), 0, 2);
        var told = said.Error.Split('\n').Where(line => line.Contains(" write ", StringComparison.Ordinal)).Select(line => line.Split(" · ")[0].Split(' ')[^1]);
        Assert.Equal(["assigned", "running", "verifying", "succeeded"], told);
        Assert.Contains("lost the connection", said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_json_the_answer_is_one_document_and_everything_else_goes_to_standard_error()
    {
        await using var platform = await FakePlatform.Start();

        var said = await Run(platform, "--json");

        using var document = JsonDocument.Parse(said.Output);
        Assert.Equal(("succeeded", "some-plan"), (document.RootElement.GetProperty("status").GetString(), document.RootElement.GetProperty("name").GetString()));
        Assert.Contains("succeeded", said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_failed_is_exit_code_one()
    {
        await using var platform = await FakePlatform.Start(RunStatus.Failed);

        var said = await Run(platform);

        Assert.Equal(1, said.ExitCode);
        Assert.Contains("1 of 1 tasks did not succeed", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_that_is_refused_is_wrong_use_and_every_fault_is_told()
    {
        await using var platform = await FakePlatform.Start(problem: """{"title":"invalid","detail":"all","errors":["first fault","second fault"]}""");

        var said = await Run(platform);

        Assert.Equal(2, said.ExitCode);
        Assert.Contains("first fault", said.Error, StringComparison.Ordinal);
        Assert.Contains("second fault", said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_of_the_plan_folder_and_of_the_input_folder_are_brought_in()
    {
        await using var platform = await FakePlatform.Start();
        Directory.CreateDirectory(Path.Combine(_folder.Path, "inputs", "deep er"));
        _folder.Write("inputs/a.txt", "one");
        _folder.Write("inputs/deep er/b.txt", "two");
        _folder.Write("plan.yaml", "name: p");

        await AgentCtl.Run(platform.Environment, "run", _folder.Path);

        Assert.Equal(["inputs/a.txt: one", "inputs/deep er/b.txt: two"], platform.Received);
    }

    [Fact]
    public async Task Artifacts_are_brought_out_whole()
    {
        await using var platform = await FakePlatform.Start(
            artifacts: [FakePlatform.Artifact("out/deep/report.md", "the report")], files: new() { ["out/deep/report.md"] = "the report" });

        var said = await Run(platform, "--out", Out);

        Assert.Equal(0, said.ExitCode);
        Assert.Equal("the report", await File.ReadAllTextAsync(Path.Combine(Out, "out/deep/report.md"), TestContext.Current.CancellationToken));
        Assert.Single(Directory.EnumerateFiles(Out, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task An_artifact_that_changed_after_it_was_verified_does_not_pass_for_the_product()
    {
        await using var platform = await FakePlatform.Start(
            artifacts: [FakePlatform.Artifact("report.md", "the report")], files: new() { ["report.md"] = "something else" });

        var said = await Run(platform, "--out", Out);

        Assert.Equal(1, said.ExitCode);
        Assert.Contains("report.md changed after it was verified: expected sha256:", said.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Out, "report.md")));
    }

    [Fact]
    public async Task An_artifact_that_is_not_there_fails_and_is_not_taken_for_wrong_use()
    {
        await using var platform = await FakePlatform.Start(artifacts: [FakePlatform.Artifact("report.md", "the report")]);

        var said = await Run(platform, "--out", Out);

        Assert.Equal(1, said.ExitCode);
        Assert.Contains("report.md could not be fetched from workspace 0199e0a4-0000-7000-8000-000000000001: 404", said.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_artifact_cannot_be_written_outside_the_folder()
    {
        await using var platform = await FakePlatform.Start(artifacts: [FakePlatform.Artifact("../evil.txt", "x")], files: new() { ["../evil.txt"] = "x" });

        var said = await Run(platform, "--out", Out);

        Assert.Equal(1, said.ExitCode);
        Assert.Contains("leads out of", said.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder.Path, "evil.txt")));
    }

    [Fact]
    public async Task A_detached_run_is_named_and_left_alone()
    {
        await using var platform = await FakePlatform.Start();

        var said = await Run(platform, "--detach");

        Assert.Equal((0, "0199e0a4-0000-7000-8000-000000000001"), (said.ExitCode, said.Output.Trim()));
        Assert.Empty(platform.LastEventIds);
    }

    [Fact]
    public async Task The_token_is_sent_and_never_shown()
    {
        await using var platform = await FakePlatform.Start();

        var said = await Run(platform, "--json");

        Assert.Equal($"Bearer {FakePlatform.Token}", Assert.Single(platform.Authorizations));
        Assert.DoesNotContain(FakePlatform.Token, said.Output + said.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string Out => Path.Combine(_folder.Path, "artifacts");

    private Task<Said> Run(FakePlatform platform, params string[] more) => AgentCtl.Run(platform.Environment, ["run", _folder.Write("plan.yaml", "name: p"), .. more]);
}
