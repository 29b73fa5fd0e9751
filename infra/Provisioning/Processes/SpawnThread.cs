using System.Collections.Concurrent;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>
/// The one thread from which every child is started. A parent-death signal follows the spawning <em>thread</em>, not the process:
/// started from a pool thread, a child would die whenever the pool shrinks.
/// </summary>
internal static class SpawnThread
{
    private static readonly Lazy<BlockingCollection<Action>> Work = new(Begin);

    public static T Run<T>(Func<T> spawn)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Value.Add(() =>
        {
            try
            {
                done.SetResult(spawn());
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task.GetAwaiter().GetResult();
    }

    private static BlockingCollection<Action> Begin()
    {
        // Unbounded on purpose: every producer waits for its own item, so it holds at most one item per calling thread.
        var work = new BlockingCollection<Action>();
        var thread = new Thread(() =>
        {
            foreach (var item in work.GetConsumingEnumerable())
            {
                item();
            }
        })
        { IsBackground = true, Name = "spawns children" };
        thread.Start();
        return work;
    }
}
