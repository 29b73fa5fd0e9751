using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.Net;
using System.Net.Http.Json;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.ModelFabric.Upstream;

namespace AgentPlatform.ModelFabric.Tests.Routing;

/// <summary>Local only, seen from below: which sockets the process opens and which names it asks for.</summary>
public sealed class LocalOnlySocketsTests
{
    /// <summary>Of a network for documents: no machine has it.</summary>
    private const string Far = "198.51.100.7";

    [Fact]
    public async Task A_local_only_call_opens_no_socket_and_asks_for_no_name_beyond_this_machine_and_the_same_call_without_it_does()
    {
        var name = $"{Guid.NewGuid():N}.invalid";
        using var sockets = new Opened();
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start(("ModelFabric:Upstream:RetriesMax", "0"), ("ModelFabric:Upstream:ConnectTimeout", "00:00:00.300"));
        await fabric.Use(upstream);
        using var far = await fabric.PutProvider("far", new { kind = "openai", baseUrl = $"http://{Far}/v1", models = new[] { "m" }, allowRemote = true });
        using var named = await fabric.PutProvider("named", new { kind = "openai", baseUrl = $"http://{name}/v1", models = new[] { "m" }, allowRemote = true });
        object[] candidates = [new { model = "far/m" }, new { model = "named/m" }, new { model = "up/real" }];
        using var route = await fabric.Http.PutAsJsonAsync("/admin/routes/auto", new { candidates });
        using var kept = await fabric.Http.PutAsJsonAsync("/admin/routes/kept", new { candidates, localOnly = true });

        // The local provider fails, which is when a fallback would be tempted to leave.
        upstream.Behave((http, n) => n % 2 == 1 ? FakeUpstream.Json(http, """{"error":{"message":"no"}}""", 500) : FakeUpstream.Json(http, FakeUpstream.Answer));
        foreach (var (model, header) in ((string, string)[])[("kept", "false"), ("auto", "true"), ("kept", "true"), ("far/m", "true"), ("named/m", "true"), ("kept", "false")])
        {
            foreach (var stream in (bool[])[false, true])
            {
                using var response = await fabric.Chat(FabricHost.Ask(model, stream), ("x-agentplatform-local-only", header));
                await response.Content.ReadAsStringAsync();
            }
        }
        Assert.Equal(8, upstream.Requests.Count);
        Assert.DoesNotContain(sockets.All, one => one.Contains(Far, StringComparison.Ordinal) || one.Contains(name, StringComparison.Ordinal));
        Assert.NotEmpty(sockets.All);

        // The same listener, so that its silence means something.
        using var leaves = await fabric.Chat(FabricHost.Ask("auto"));
        Assert.Contains(sockets.All, one => one.Contains(Far, StringComparison.Ordinal));
        Assert.Contains(sockets.All, one => one.Contains(name, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_what_a_name_resolves_to_a_local_provider_gets_this_machine_or_nothing()
    {
        Assert.Equal([IPAddress.Loopback, IPAddress.IPv6Loopback], LoopbackSockets.Only([IPAddress.Parse("10.0.0.1"), IPAddress.Loopback, IPAddress.Parse(Far), IPAddress.IPv6Loopback]));
        Assert.Empty(LoopbackSockets.Only([IPAddress.Any, IPAddress.Parse("192.168.0.1")]));
    }

    /// <summary>What the runtime tells of connections and of names it resolves, of the whole process.</summary>
    private sealed class Opened : EventListener
    {
        private readonly ConcurrentQueue<string> _all = new();

        // The base class calls OnEventSourceCreated before this constructor's own initialisers ran.
        public IReadOnlyList<string> All => [.. _all];

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name is "System.Net.Sockets" or "System.Net.NameResolution")
            {
                EnableEvents(eventSource, EventLevel.Informational);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (eventData.EventName is "ConnectStart" or "ResolutionStart")
            {
                _all?.Enqueue(Said(eventData));
            }
        }

        // A socket address comes as its bytes: "InterNetwork:16:{1,187,198,51,100,7,…}".
        private static string Said(EventWrittenEventArgs eventData)
        {
            var text = string.Join(' ', eventData.Payload ?? []);
            var open = text.IndexOf('{', StringComparison.Ordinal);
            var bytes = open < 0 ? [] : text[(open + 1)..text.IndexOf('}', open)].Split(',');
            return text + (text.StartsWith("InterNetworkV6", StringComparison.Ordinal) && bytes.Length >= 22 ? " " + string.Join('.', bytes[18..22]) : bytes.Length >= 6 ? " " + string.Join('.', bytes[2..6]) : "");
        }
    }
}
