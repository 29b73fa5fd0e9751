using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using AgentPlatform.Provisioning.Nats;
using AgentPlatform.Provisioning.Programs;
using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Messaging.Tests.Cluster;

/// <summary>Three nats-servers on three machines of a network of our own; nodes are counted from 1, as their machines are.</summary>
internal sealed class NatsCluster : IAsyncDisposable
{
    private const int ClientPort = 4222;
    private const int NodePort = 6222;
    private const int LinesKept = 40;
    private const int LeadershipTries = 20;

    private readonly OwnNetwork _network;
    private readonly List<NatsServer> _servers = [];
    private readonly List<FaultyProxy> _remote = [];
    private readonly List<FaultyProxy> _beside = [];
    private readonly List<NatsLink> _operators = [];
    private readonly ConcurrentQueue<string> _lines = new();

    private NatsCluster(OwnNetwork network) => _network = network;

    public static IReadOnlyList<int> Nodes { get; } = [1, 2, 3];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Starts the nodes and waits until they can keep a stream.</summary>
    public static async Task<NatsCluster> Start()
    {
        var cluster = new NatsCluster(await OwnNetwork.Make(Nodes.Count, Ct));
        try
        {
            var program = await new ProgramFinder().FindNatsServer(Ct);
            foreach (var node in Nodes)
            {
                cluster._servers.Add(new NatsServer(new NatsOptions
                {
                    Program = await cluster.Script(node, program),
                    DataFolder = Path.Combine(cluster._network.Home, NameOf(node)),
                    Address = OwnNetwork.AddressOf(node),
                    Port = ClientPort,
                    Cluster = new NatsClusterNode(NameOf(node), NodePort, [.. Nodes.Select(other => $"{OwnNetwork.AddressOf(other)}:{NodePort}")]),
                    OnLine = line => cluster.Keep($"{NameOf(node)} {line.Text}"),
                }));
                cluster._remote.Add(cluster.WayTo(node, cluster._network.SocketAtBridge));
                cluster._beside.Add(cluster.WayTo(node, () => cluster._network.SocketOn(node)));
                cluster._operators.Add(new NatsLink("operator", new MessagingOptions { Url = cluster.Beside(node), RequestTimeout = TimeSpan.FromSeconds(1) }, NullLogger<NatsLink>.Instance));
            }

            await Task.WhenAll(cluster._servers.Select(server => server.StartAsync(Ct)));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public static string NameOf(int node) => $"node-{node}";

    /// <summary>The address for a client that reaches the node over the network, as long as the node is on it.</summary>
    public string Remote(int node) => $"nats://127.0.0.1:{_remote[node - 1].Port}";

    /// <summary>The address for a client on the node's own machine, which reaches it whatever happens to the network.</summary>
    public string Beside(int node) => $"nats://127.0.0.1:{_beside[node - 1].Port}";

    public Task Cut(int node) => _network.Cut(node);

    public Task Heal(int node) => _network.Heal(node);

    /// <summary>Like a crash, of the machine and its disk.</summary>
    public async Task KillAndWipe(int node)
    {
        await _servers[node - 1].KillAsync();
        Directory.Delete(_servers[node - 1].StoreFolder, recursive: true);
    }

    public Task Restart(int node) => _servers[node - 1].StartAsync(Ct);

    /// <summary>A link to one node, at its side.</summary>
    public NatsLink Operator(int node) => _operators[node - 1];

    /// <summary>Asks a node's JetStream; null when it does not answer, or says that it cannot.</summary>
    public async Task<JsonElement?> Ask(int node, string what, object? body = null) => await Answer(node, what, body) is { } answer && !answer.TryGetProperty("error", out _) ? answer : null;

    /// <summary>Who leads a stream, or a consumer of it, as a node sees it; null when it knows nobody.</summary>
    public async Task<int?> LeaderOf(string stream, int asSeenBy, string? consumer = null) =>
        await Ask(asSeenBy, consumer is null ? $"STREAM.INFO.{stream}" : $"CONSUMER.INFO.{stream}.{consumer}") is { } info && info.GetProperty("cluster").TryGetProperty("leader", out var leader)
            ? Nodes.First(node => NameOf(node) == leader.GetString())
            : null;

    /// <summary>Whether every copy of a stream is there and has everything, as its leader sees it.</summary>
    public async Task<bool> IsWhole(string stream, int asSeenBy) =>
        await Ask(asSeenBy, $"STREAM.INFO.{stream}") is { } info && info.GetProperty("cluster").TryGetProperty("replicas", out var copies) && copies.GetArrayLength() == Nodes.Count - 1
        && copies.EnumerateArray().All(copy => copy.GetProperty("current").GetBoolean() && !(copy.TryGetProperty("offline", out var off) && off.GetBoolean()) && !(copy.TryGetProperty("lag", out var lag) && lag.GetInt64() > 0));

    /// <summary>
    /// Tries to let a node lead a stream, or a consumer of it; the two may have different leaders, and a consumer delivers what its leader's node holds. Whoever
    /// steps down has no say in who comes next, and some nodes are never chosen.
    /// </summary>
    /// <returns>Whether it leads.</returns>
    public async Task<bool> TryMakeLeader(string stream, int node, string? consumer = null)
    {
        for (var tries = 0; tries < LeadershipTries; tries++)
        {
            if (await Eventually.Get(() => LeaderOf(stream, node, consumer), leader => leader is not null, "a leader", TimeSpan.FromMinutes(2)) == node)
            {
                return true;
            }

            await Ask(node, consumer is null ? $"STREAM.LEADER.STEPDOWN.{stream}" : $"CONSUMER.LEADER.STEPDOWN.{stream}.{consumer}");
        }

        return false;
    }

    /// <summary>What every node says of a stream and a consumer of it, for whoever wonders why nothing moves.</summary>
    public async Task<string> Tell(string stream, string consumer)
    {
        var said = new List<string>();
        foreach (var node in Nodes)
        {
            foreach (var what in (string[])[$"STREAM.INFO.{stream}", $"CONSUMER.INFO.{stream}.{consumer}"])
            {
                said.Add($"{NameOf(node)} {what}: {(await Answer(node, what, body: null))?.GetRawText() ?? "no answer"}");
            }
        }

        return string.Join('\n', said);
    }

    /// <summary>What a stream holds, by number, as its leader tells it.</summary>
    public async Task<SortedDictionary<long, string>> Content(string stream, int asSeenBy)
    {
        var state = (await Eventually.Get(() => Ask(asSeenBy, $"STREAM.INFO.{stream}"), info => info is not null, $"an answer about {stream}"))!.Value.GetProperty("state");
        var content = new SortedDictionary<long, string>();
        for (var seq = state.GetProperty("first_seq").GetInt64(); seq <= state.GetProperty("last_seq").GetInt64(); seq++)
        {
            // Only an answer tells that there is no such message; silence tells nothing.
            var number = seq;
            var answer = await Eventually.Get(() => Answer(asSeenBy, $"STREAM.MSG.GET.{stream}", new { seq = number }), told => told is not null, $"an answer about message {seq}");
            if (answer!.Value.TryGetProperty("message", out var kept))
            {
                content[seq] = kept.GetProperty("data").GetString()!;
            }
        }

        return content;
    }

    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', _lines));
        }

        _operators.ForEach(link => link.Dispose());
        await Task.WhenAll(_servers.Select(server => server.KillAsync()));
        await Task.WhenAll(_servers.Select(server => server.DisposeAsync().AsTask()));
        await Task.WhenAll(_remote.Concat(_beside).Select(proxy => proxy.DisposeAsync().AsTask()));
        await _network.DisposeAsync();
    }

    private async Task<JsonElement?> Answer(int node, string what, object? body)
    {
        try
        {
            var answer = await Operator(node).Request($"$JS.API.{what}", body is null ? [] : JsonSerializer.SerializeToUtf8Bytes(body), Ct);
            return answer.Length == 0 ? null : JsonSerializer.Deserialize<JsonElement>(answer);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            return null;
        }
    }

    private FaultyProxy WayTo(int node, Func<Task<System.Net.Sockets.Socket>> socket) => FaultyProxy.To(async ct =>
    {
        var made = await socket();
        try
        {
            await made.ConnectAsync(IPAddress.Parse(OwnNetwork.AddressOf(node)), ClientPort, ct);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    });

    // A program that is nats-server on that machine.
    private async Task<string> Script(int node, string program)
    {
        var script = Path.Combine(_network.Home, $"nats-server-{node}");
        await File.WriteAllTextAsync(script, $"#!/bin/sh\nexec {string.Join(' ', _network.On(node))} {program} \"$@\"\n", Ct);
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return script;
    }

    private void Keep(string line)
    {
        _lines.Enqueue(line);
        while (_lines.Count > LinesKept * Nodes.Count && _lines.TryDequeue(out _))
        {
        }
    }
}
