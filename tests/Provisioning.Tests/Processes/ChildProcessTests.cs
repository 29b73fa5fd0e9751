using System.Collections.Concurrent;
using System.Diagnostics;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Tests.Processes;

public sealed class ChildProcessTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static TheoryData<string> Ways => [nameof(ParentDeath.Way.Signal), nameof(ParentDeath.Way.Lifeline)];

    [Theory, MemberData(nameof(Ways))]
    public async Task A_child_dies_when_its_parent_is_killed(string way)
    {
        using var child = await ParentToKill.StartAndKill(way);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Deadline, TestContext.Current.CancellationToken);
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task Lines_arrive_in_order_and_the_exit_code_is_returned(string way)
    {
        var lines = new ConcurrentQueue<OutputLine>();
        await using var child = ChildProcess.Start(Script("echo one; echo two; echo three >&2; printf four; exit 7") with { OnLine = lines.Enqueue }, Way(way));

        Assert.Equal(7, await child.Exited.WaitAsync(Deadline, TestContext.Current.CancellationToken));
        Assert.Equal(["one", "two", "four"], lines.Where(line => !line.IsError).Select(line => line.Text));
        Assert.Equal(["three"], lines.Where(line => line.IsError).Select(line => line.Text));
    }

    [Fact]
    public async Task A_line_without_an_end_is_cut_at_the_bound()
    {
        var lines = new ConcurrentQueue<string>();
        await using var child = ChildProcess.Start(Script("printf aaaaabbbbbcc") with { LineLengthMax = 5, OnLine = line => lines.Enqueue(line.Text) });

        await child.Exited.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.Equal(["aaaaa", "bbbbb", "cc"], lines);
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task The_polite_signal_reaches_the_program(string way)
    {
        var ready = new TaskCompletionSource();
        await using var child = ChildProcess.Start(
            Script("trap 'exit 3' TERM; echo ready; sleep 1000 & wait") with { OnLine = _ => ready.TrySetResult() }, Way(way));

        await ready.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.Equal(3, await child.StopAsync().WaitAsync(Deadline, TestContext.Current.CancellationToken));
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task A_child_that_ignores_the_polite_signal_is_killed_with_its_whole_group(string way)
    {
        var grandchild = new TaskCompletionSource<int>();
        await using var child = ChildProcess.Start(
            Script("trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000") with
            {
                StopTimeout = TimeSpan.FromMilliseconds(200),
                OnLine = line => grandchild.TrySetResult(int.Parse(line.Text)),
            },
            Way(way));

        using var sleeper = Process.GetProcessById(await grandchild.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken));
        Assert.Equal(137, await child.StopAsync().WaitAsync(Deadline, TestContext.Current.CancellationToken));
        await sleeper.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_a_child_leaves_behind_in_its_group_goes_with_it()
    {
        var grandchild = new TaskCompletionSource<int>();
        await using var child = ChildProcess.Start(
            Script("trap 'exit 0' TERM; sleep 1000 & echo $!; wait") with { OnLine = line => grandchild.TrySetResult(int.Parse(line.Text)) });
        using var sleeper = Process.GetProcessById(await grandchild.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken));

        child.Send(Signal.Terminate);   // To the child alone, which ends by itself and leaves the sleeper.
        Assert.Equal(0, await child.Exited.WaitAsync(Deadline, TestContext.Current.CancellationToken));

        // The kill has been sent by now; on a busy machine the kernel carries it out a moment later.
        await sleeper.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Without_inheritance_the_child_sees_none_of_our_variables()
    {
        Environment.SetEnvironmentVariable("PROVISIONING_TESTS_SECRET", "swordfish");
        var lines = new ConcurrentQueue<string>();
        await using var child = ChildProcess.Start(new ChildProcessStart("env")
        {
            InheritEnvironment = false,
            Environment = new Dictionary<string, string?> { ["GIVEN"] = "yes", ["Logging__LogLevel__With.Dots"] = "too" },
            OnLine = line => lines.Enqueue(line.Text),
        });

        await child.Exited.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.Contains("GIVEN=yes", lines);
        Assert.Contains("Logging__LogLevel__With.Dots=too", lines);
        Assert.DoesNotContain(lines, line => line.Contains("swordfish", StringComparison.Ordinal));
    }

    private static ChildProcessStart Script(string script) => new("sh", "-c", script);

    private static ParentDeath.Way Way(string name) => Enum.Parse<ParentDeath.Way>(name);
}
