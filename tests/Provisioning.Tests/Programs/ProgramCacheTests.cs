using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Tests.Programs;

public sealed class ProgramCacheTests : IDisposable
{
    private readonly TemporaryFolder folder = TemporaryFolder.Make();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_who_want_the_same_program_fetch_it_once()
    {
        var fills = 0;
        var mayFinish = new TaskCompletionSource();
        Task<string> Ensure() => Cache().Ensure("tool", async (into, _) =>
        {
            Interlocked.Increment(ref fills);
            await mayFinish.Task;
            await File.WriteAllTextAsync(Path.Combine(into, "program"), "content", Ct);
        }, Ct);

        var first = Ensure();
        var second = Ensure();   // Its own cache object: only the lock file connects them, as it does two processes.
        Assert.False(first.IsCompleted || second.IsCompleted);
        mayFinish.SetResult();

        Assert.Equal(await first, await second);
        Assert.Equal(1, fills);
        Assert.True(File.Exists(Path.Combine(await first, "program")));
    }

    [Fact]
    public async Task A_fetch_that_fails_leaves_nothing_that_looks_complete()
    {
        await Assert.ThrowsAsync<IOException>(() => Cache().Ensure("tool", async (into, _) =>
        {
            await File.WriteAllTextAsync(Path.Combine(into, "half"), "", Ct);
            throw new IOException("the line was cut");
        }, Ct));
        Assert.Null(Cache().Find("tool"));

        var complete = await Cache().Ensure("tool", (into, _) => File.WriteAllTextAsync(Path.Combine(into, "program"), "", Ct), Ct);
        Assert.Equal(["program"], Directory.EnumerateFiles(complete).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_complete_program_is_used_without_fetching()
    {
        Directory.CreateDirectory(Path.Combine(folder.Path, "tool"));
        Assert.Equal(Path.Combine(folder.Path, "tool"), await Cache().Ensure("tool", (_, _) => throw new IOException("no network"), Ct));
    }

    [Fact]
    public async Task A_fetch_that_takes_too_long_is_ended_with_a_reason()
    {
        var cache = new ProgramCache(folder.Path, TimeSpan.FromMilliseconds(50), TimeProvider.System);
        var late = await Assert.ThrowsAsync<TimeoutException>(() => cache.Ensure("tool", (_, ct) => Task.Delay(Timeout.Infinite, ct), Ct));
        Assert.Contains("tool", late.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private ProgramCache Cache() => new(folder.Path, TimeSpan.FromMinutes(1), TimeProvider.System);
}
