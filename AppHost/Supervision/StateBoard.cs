using System.Threading.Channels;

namespace AgentPlatform.AppHost.Supervision;

/// <summary>The present state of every instance, and its changes for whoever watches.</summary>
internal sealed class StateBoard
{
    /// <summary>A watcher that is further behind loses its subscription and must begin again with a full picture.</summary>
    public const int ChangesHeldMax = 1_000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, ResourceSnapshot> present = new(StringComparer.Ordinal);
    private readonly List<Channel<ResourceSnapshot>> watchers = [];

    /// <summary>Null when there is no such instance.</summary>
    public ResourceSnapshot? Find(string name)
    {
        lock (gate)
        {
            return present.GetValueOrDefault(name);
        }
    }

    public void Publish(ResourceSnapshot snapshot)
    {
        lock (gate)
        {
            present[snapshot.Name] = snapshot;
            watchers.RemoveAll(watcher =>
            {
                var isBehind = !watcher.Writer.TryWrite(snapshot);
                if (isBehind)
                {
                    watcher.Writer.TryComplete();
                }

                return isBehind;
            });
        }
    }

    /// <summary>The full picture and then every change, without a gap between them. The reader ends when it falls too far behind.</summary>
    public Subscription Watch()
    {
        var channel = Channel.CreateBounded<ResourceSnapshot>(ChangesHeldMax);
        lock (gate)
        {
            watchers.Add(channel);
            return new Subscription([.. present.Values], channel.Reader, () =>
            {
                lock (gate)
                {
                    watchers.Remove(channel);
                }
            });
        }
    }

    /// <summary>Waits until the picture is as wanted.</summary>
    public async Task Until(Func<IReadOnlyDictionary<string, ResourceSnapshot>, bool> isAsWanted, CancellationToken ct)
    {
        while (true)
        {
            using var watch = Watch();
            var picture = watch.Initial.ToDictionary(snapshot => snapshot.Name, StringComparer.Ordinal);
            if (isAsWanted(picture))
            {
                return;
            }

            await foreach (var change in watch.Changes.ReadAllAsync(ct))
            {
                picture[change.Name] = change;
                if (isAsWanted(picture))
                {
                    return;
                }
            }
        }
    }

    /// <summary>Waits until one instance is as wanted, and returns it.</summary>
    public async Task<ResourceSnapshot> Until(string name, Func<ResourceSnapshot, bool> isAsWanted, CancellationToken ct)
    {
        ResourceSnapshot? found = null;
        await Until(
            picture =>
            {
                found = picture.GetValueOrDefault(name);
                return found is not null && isAsWanted(found);
            },
            ct);
        return found!;
    }
}

internal sealed class Subscription(ResourceSnapshot[] initial, ChannelReader<ResourceSnapshot> changes, Action end) : IDisposable
{
    public ResourceSnapshot[] Initial => initial;

    public ChannelReader<ResourceSnapshot> Changes => changes;

    public void Dispose() => end();
}
