using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Nats;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Tests.Nats;

public sealed class NatsServerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_accepts_large_messages_and_keeps_streams_over_a_kill()
    {
        await using var server = await NatsServer.StartTemporaryAsync(ct: Ct);
        await using (var client = await Client.Connect(server.Port))
        {
            Assert.Equal(8 * 1024 * 1024, client.Info.GetProperty("max_payload").GetInt32());
            var made = await client.Request("$JS.API.STREAM.CREATE.RUNS", """{"name":"RUNS","subjects":["runs.>"],"storage":"file"}""");
            Assert.False(made.TryGetProperty("error", out _), made.ToString());
        }

        await server.KillAsync();
        await server.StartAsync(Ct);

        await using var again = await Client.Connect(server.Port);
        var known = await again.Request("$JS.API.STREAM.INFO.RUNS", "");
        Assert.Equal("RUNS", known.GetProperty("config").GetProperty("name").GetString());
    }

    [Fact]
    public async Task Only_who_knows_the_token_gets_in()
    {
        await using var server = await NatsServer.StartTemporaryAsync(withToken: true, Ct);
        var token = await File.ReadAllTextAsync(server.TokenFile!, Ct);
        Assert.DoesNotContain(token, server.Url, StringComparison.Ordinal);

        await using (var invited = await Client.Connect(server.Port, token))
        {
            Assert.True(invited.Info.GetProperty("jetstream").GetBoolean());
            await invited.Request("$JS.API.INFO", "");
        }

        await using var stranger = await Client.Connect(server.Port, "guessed");
        var refused = await Assert.ThrowsAsync<IOException>(() => stranger.Request("$JS.API.INFO", ""));
        Assert.Contains("Authorization Violation", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Three_nodes_of_a_cluster_keep_three_copies_and_let_in_only_who_knows_the_token()
    {
        using var folder = TemporaryFolder.Make();
        var ports = Enumerable.Range(0, 6).Select(_ => LoopbackPorts.Next()).ToArray();
        string[] nodes = [.. ports[3..].Select(port => $"127.0.0.1:{port}")];
        var program = await new ProgramFinder().FindNatsServer(Ct);
        var led = ports[..3].Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        var servers = Enumerable.Range(0, 3).Select(i => new NatsServer(new NatsOptions
        {
            Program = program,
            DataFolder = Path.Combine(folder.Path, $"node-{i}"),
            Port = ports[i],
            TokenFile = Path.Combine(folder.Path, "token"),
            Cluster = new NatsClusterNode($"node-{i}", ports[3 + i], nodes),
            OnLine = line => _ = line.Text.Contains("new JetStream cluster metadata leader", StringComparison.Ordinal) || line.Text.Contains("cluster new metadata leader", StringComparison.Ordinal) ? led[i].TrySetResult() : false,
        })).ToList();
        try
        {
            await Task.WhenAll(servers.Select(server => server.StartAsync(Ct)));
            await Task.WhenAll(led.Select(one => one.Task)).WaitAsync(TimeSpan.FromSeconds(60), Ct);
            await using var client = await Client.Connect(ports[0], await File.ReadAllTextAsync(servers[0].TokenFile!, Ct));
            var made = await client.Request("$JS.API.STREAM.CREATE.RUNS", """{"name":"RUNS","subjects":["runs.>"],"storage":"file","num_replicas":3}""");
            Assert.False(made.TryGetProperty("error", out _), made.ToString());
            Assert.Equal(2, made.GetProperty("cluster").GetProperty("replicas").GetArrayLength());

            using var stranger = new TcpClient();
            await stranger.ConnectAsync(IPAddress.Loopback, ports[3], Ct);
            using var said = new StreamReader(stranger.GetStream());
            await stranger.GetStream().WriteAsync("CONNECT {\"verbose\":false}\r\n"u8.ToArray(), Ct);
            var last = string.Empty;
            while (await said.ReadLineAsync(Ct) is { } line)
            {
                last = line;
            }

            Assert.Contains("Authorization Violation", last, StringComparison.Ordinal);
        }
        finally
        {
            await Task.WhenAll(servers.Select(server => server.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task A_taken_port_is_named()
    {
        using var squatter = new TcpListener(IPAddress.Loopback, 0);
        squatter.Start();
        var port = ((IPEndPoint)squatter.LocalEndpoint).Port;
        var server = new NatsServer(new NatsOptions { Program = "nats-server", DataFolder = "never made", Port = port });
        Assert.Equal(port, (await Assert.ThrowsAsync<PortInUseException>(() => server.StartAsync(Ct))).Port);
    }

    [Fact]
    public async Task A_server_that_cannot_start_says_why()
    {
        var server = new NatsServer(new NatsOptions { Program = "false", DataFolder = Directory.CreateTempSubdirectory().FullName, Port = LoopbackPorts.Next() });
        Assert.Contains("nats-server ended with code 1", (await Assert.ThrowsAsync<ServerFailedException>(() => server.StartAsync(Ct))).Message, StringComparison.Ordinal);
    }

    /// <summary>Just enough of the NATS protocol to ask a question.</summary>
    private sealed class Client(TcpClient tcp, StreamReader reader, JsonElement info) : IAsyncDisposable
    {
        public JsonElement Info => info;

        public static async Task<Client> Connect(int port, string? token = null)
        {
            var tcp = new TcpClient();
            await tcp.ConnectAsync(IPAddress.Loopback, port, Ct);
            var reader = new StreamReader(tcp.GetStream(), Encoding.UTF8);
            var info = JsonDocument.Parse((await reader.ReadLineAsync(Ct))!["INFO ".Length..]).RootElement;
            await tcp.GetStream().WriteAsync(Encoding.UTF8.GetBytes($"CONNECT {JsonSerializer.Serialize(new { verbose = false, auth_token = token })}\r\n"), Ct);
            return new Client(tcp, reader, info);
        }

        public async Task<JsonElement> Request(string subject, string body)
        {
            await tcp.GetStream().WriteAsync(Encoding.UTF8.GetBytes($"SUB answers 1\r\nPUB {subject} answers {body.Length}\r\n{body}\r\n"), Ct);
            while (await reader.ReadLineAsync(Ct) is { } line)
            {
                if (line.StartsWith("MSG ", StringComparison.Ordinal))
                {
                    return JsonDocument.Parse((await reader.ReadLineAsync(Ct))!).RootElement;
                }

                if (line.StartsWith("-ERR", StringComparison.Ordinal))
                {
                    throw new IOException(line);
                }
            }

            throw new IOException("the server closed the connection");
        }

        public ValueTask DisposeAsync()
        {
            tcp.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
