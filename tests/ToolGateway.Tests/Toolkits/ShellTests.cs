using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

public sealed class ShellTests : IDisposable
{
    private readonly Bench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task A_script_runs_where_it_is_told_with_what_it_is_given()
    {
        await bench.Put("sub/a.txt", "in the folder");
        var ran = await bench.Do("shell.run", new { script = "cat a.txt; printf ' %s ' \"$ARG_NAME\"; cat", cwd = "sub", stdin = "and stdin", env = new { ARG_NAME = "with" } });
        Assert.Equal("in the folder with and stdin", ran.GetProperty("stdout").GetString());
        Assert.Contains(ran.GetProperty("sandbox").EnumerateArray(), layer => layer.GetString()!.StartsWith("files: landlock", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Arguments_reach_the_program_untouched()
    {
        var ran = await bench.Do("shell.run", new { argv = new[] { "printf", "%s|", "$HOME", "a b", "*", "" } });
        Assert.Equal("$HOME|a b|*||", ran.GetProperty("stdout").GetString());
    }

    [Fact]
    public async Task A_non_zero_exit_is_a_failure_with_its_output()
    {
        var output = await bench.Call("shell.run", new { script = "echo partial; echo why >&2; exit 7" });
        Assert.Equal(FailureClass.ExitCode, output.Failure?.Class);
        Assert.Equal((7, "partial\n", "why\n"), (output.Content.GetProperty("exit_code").GetInt32(), output.Content.GetProperty("stdout").GetString(), output.Content.GetProperty("stderr").GetString()));
    }

    [Fact]
    public async Task The_deadline_is_a_retryable_failure()
    {
        var output = await bench.Call("shell.run", new { script = "echo before; sleep 100", timeout_seconds = 0.3 });
        Assert.Equal((FailureClass.Timeout, true), (output.Failure?.Class, output.Failure?.Retryable));
        Assert.Equal("before\n", output.Content.GetProperty("stdout").GetString());
    }

    [Fact]
    public async Task What_may_not_be_asked_is_refused_with_the_reason()
    {
        Assert.Contains("LD_PRELOAD", await bench.Fails("shell.run", new { script = "true", env = new { LD_PRELOAD = "x" } }, FailureClass.InvalidArguments), StringComparison.Ordinal);
        await bench.Fails("shell.run", new { }, FailureClass.InvalidArguments);
        await bench.Fails("shell.run", new { script = "true", argv = new[] { "true" } }, FailureClass.InvalidArguments);
        await bench.Fails("shell.run", new { script = "true", cwd = "../.." }, FailureClass.NotFound);
        await bench.Fails("shell.run", new { argv = new[] { "no-such-program" } }, FailureClass.NotFound);
    }

    [Fact]
    public async Task Files_made_by_tools_and_by_commands_are_interchangeable()
    {
        await bench.Do("files.write", new { path = "made/by-tool", content = "tool\n" });
        await bench.Do("shell.run", new { script = "echo command >> made/by-tool && mkdir -p made/deep && echo x > made/deep/by-command" });
        Assert.Equal("tool\ncommand\n", await bench.Text("made/by-tool"));
        await bench.Do("files.edit", new { path = "made/deep/by-command", old = "x", @new = "y" });
        Assert.Equal("y\n", (await bench.Do("shell.run", new { script = "cat made/deep/by-command" })).GetProperty("stdout").GetString());
    }
}
