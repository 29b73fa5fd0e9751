using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Provisioning.Processes;
using Npgsql;

namespace AgentPlatform.AppHost.Tests.Hosts;

/// <summary>Whole hosts in processes of their own, with real servers and small services.</summary>
public sealed class StackTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private static readonly HttpClient Client = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_starts_tells_where_everything_is_and_stops_without_a_trace()
    {
        await using var host = await HostProcess.Ready();
        var platform = await host.Platform();
        Assert.Equal(host.Id, platform.GetProperty("pid").GetInt32());
        Assert.Equal(host.Echo, new Uri(platform.GetProperty("endpoints").GetProperty("echo").GetString()!));
        Assert.Equal("ok", await Client.GetStringAsync(new Uri(host.Echo, "/health"), Ct));
        var family = host.Family();
        Assert.True(family.Length >= 4, host.Output);   // postgres, nats, echo, late

        Assert.Equal(0, await host.Stop());
        Assert.All(family, member => Assert.True(member.HasExited));
        Assert.Empty(host.Family());
        Assert.False(File.Exists(Path.Combine(host.Data, "platform.json")));
    }

    [Fact]
    public async Task A_stop_that_is_heard_twice_at_once_is_still_clean()
    {
        await using var host = await HostProcess.Ready();
        host.Send(Signal.Interrupt);
        host.Send(Signal.Terminate);
        Assert.Equal(0, await host.Exited());
        Assert.False(File.Exists(Path.Combine(host.Data, "platform.json")));
        Assert.Empty(host.Family());
    }

    [Fact]
    public async Task Nothing_is_left_when_the_host_is_killed()
    {
        await using var host = await HostProcess.Ready();
        var family = host.Family();
        Assert.NotEmpty(family);

        host.Send(Signal.Kill);
        await Task.WhenAll(family.Select(member => member.WaitForExitAsync(Ct))).WaitAsync(Deadline, Ct);
        Assert.Empty(host.Family());
    }

    [Fact]
    public async Task The_same_folder_can_be_used_again_after_a_kill()
    {
        using var folder = TemporaryFolder.Make(PostgresAccount.UserForRoot());
        var data = Path.Combine(folder.Path, "data");
        await using (var first = HostProcess.Start(["--no-dashboard", "run", Plan(folder, "0")], data))
        {
            Assert.Equal(0, await first.Exited());
        }

        await using (var killed = HostProcess.Start(["--no-dashboard"], data))
        {
            await killed.Eventually(() => File.Exists(Path.Combine(data, "platform.json")));
            killed.Send(Signal.Kill);
            await killed.Exited();
        }

        await using var again = HostProcess.Start(["--no-dashboard", "run", Plan(folder, "0")], data);
        Assert.True(await again.Exited() == 0, again.Output);
    }

    [Fact]
    public async Task A_service_gets_addresses_and_files_but_no_secrets()
    {
        await using var host = await HostProcess.Ready();
        var environment = await EnvironmentOf(host.Echo);
        var password = (await File.ReadAllTextAsync(Path.Combine(host.Data, "credentials/postgres.password"), Ct)).Trim().Split(':')[^1];
        string[] secrets = [password, await Secret(host, "credentials/nats.token"), await Secret(host, "owner.token"), await Secret(host, "credentials/echo.token")];

        Assert.All(secrets, secret => Assert.DoesNotContain(environment, variable => variable.Value.Contains(secret, StringComparison.Ordinal)));
        Assert.Equal(host.Echo.ToString().TrimEnd('/'), environment["ASPNETCORE_URLS"]);
        Assert.Equal($"nats://127.0.0.1:{host.PortBase + 22}", environment["ConnectionStrings__nats"]);
        Assert.Equal(host.Data, environment["AGENTPLATFORM_DATA"]);
        Assert.Equal($"{host.Id}", environment["AGENTPLATFORM_PARENT_PID"]);
        Assert.Equal(32, (await File.ReadAllBytesAsync(environment["AGENTPLATFORM_MASTER_KEY_FILE"], Ct)).Length);
        Assert.Equal(await Secret(host, "credentials/echo.token"), await File.ReadAllTextAsync(environment["AGENTPLATFORM_SERVICE_TOKEN_FILE"], Ct));
        Assert.True(File.Exists(environment["AGENTPLATFORM_NATS_TOKEN_FILE"]));
        Assert.Equal(host.Echo.ToString().TrimEnd('/'), (await EnvironmentOf(new Uri($"http://127.0.0.1:{host.PortBase + 2}")))["services__echo__http__0"]);

        await using var source = NpgsqlDataSource.Create(environment["ConnectionStrings__echodb"] + ";Pooling=false");
        await using var command = source.CreateCommand("select current_database()");
        Assert.Equal("echodb", await command.ExecuteScalarAsync(Ct));
    }

    [Fact]
    public async Task What_is_killed_comes_back()
    {
        await using var host = await HostProcess.Ready();
        foreach (var victim in new[] { "service", "postgres", "nats-server" })
        {
            var before = host.Family().First(member => CommandLine(member).Contains(victim, StringComparison.Ordinal));
            NativeCalls.Send(before.Id, Signal.Kill);
            await host.Eventually(() => host.Family().Any(member => member.Id != before.Id && CommandLine(member).Contains(victim, StringComparison.Ordinal)));
        }

        await host.Eventually(() => Answers(host.Echo));
    }

    [Fact]
    public async Task A_taken_port_is_named_with_the_way_out_and_nothing_is_started()
    {
        var port = LoopbackPorts.Next();
        using var squatter = new TcpListener(IPAddress.Loopback, port);
        squatter.Start();
        await using var host = HostProcess.Start(["--no-dashboard", "--port", $"late={port}"]);

        Assert.Equal(2, await host.Exited());
        Assert.Contains($"Port {port}, wanted by late, is in use", host.Output, StringComparison.Ordinal);
        Assert.Contains("--port late=PORT", host.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(host.Data, "postgres")));
    }

    [Fact]
    public async Task A_folder_in_use_is_refused_and_a_second_folder_is_not()
    {
        await using var first = await HostProcess.Ready();
        await using var intruder = HostProcess.Start(["--no-dashboard"], first.Data);
        Assert.Equal(2, await intruder.Exited());
        Assert.Contains("Another stack already runs on", intruder.Output, StringComparison.Ordinal);

        await using var second = await HostProcess.Ready();
        Assert.Equal(0, await second.Stop());
        Assert.True(Answers(first.Echo));
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    public async Task A_run_ends_with_the_exit_code_of_the_plan(string plan, int expected)
    {
        using var folder = TemporaryFolder.Make();
        await using var host = HostProcess.Start(["--no-dashboard", "run", Plan(folder, plan)]);

        Assert.True(expected == await host.Exited(), host.Output);
        Assert.Contains("agentctl sees ok", host.Output, StringComparison.Ordinal);
        Assert.Empty(host.Family());
    }

    [Fact]
    public async Task A_run_uses_the_stack_that_is_there()
    {
        using var folder = TemporaryFolder.Make();
        await using var stack = await HostProcess.Ready();
        await using var run = HostProcess.Start(["--no-dashboard", "run", Plan(folder, "1")], stack.Data);

        Assert.Equal(1, await run.Exited());
        Assert.Contains($"agentctl sees ok from host {stack.Id}", run.Output, StringComparison.Ordinal);
        Assert.True(Answers(stack.Echo));
    }

    [Fact]
    public async Task A_plan_that_is_not_there_is_found_out_before_anything_starts()
    {
        await using var host = HostProcess.Start(["--no-dashboard", "run", "/nowhere/plan.yaml"]);
        Assert.Equal(2, await host.Exited());
        Assert.Contains("There is no plan at /nowhere/plan.yaml", host.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(host.Data));
    }

    [Theory]
    [InlineData("--external", "postgres=Hostess=x", "wants an Npgsql connection string")]
    [InlineData("--external", "nats=there", "wants an address such as nats://")]
    [InlineData("--only", "echoes", "--only names echoes, which is not one of postgres, echodb, nats, echo, late")]
    [InlineData("--replicas", "postgres=2", "--replicas names postgres")]
    public async Task A_wrong_option_is_explained_and_ends_with_2(string option, string value, string explanation)
    {
        await using var host = HostProcess.Start(["--no-dashboard", option, value]);
        Assert.Equal(2, await host.Exited());
        Assert.Contains(explanation, host.Output, StringComparison.Ordinal);
        Assert.Empty(host.Family());
    }

    [Fact]
    public async Task Replicas_share_a_name_and_are_all_told_of()
    {
        await using var host = await HostProcess.Ready("--no-dashboard", "--replicas", "echo=2");
        var told = await EnvironmentOf(new Uri($"http://127.0.0.1:{host.PortBase + 2}"));
        Assert.Equal($"http://127.0.0.1:{host.PortBase + 101}", told["services__echo__http__1"]);
        Assert.True(Answers(new Uri(told["services__echo__http__0"])) && Answers(new Uri(told["services__echo__http__1"])));
    }

    [Fact]
    public async Task Servers_of_others_are_used_and_their_passwords_kept_out_of_sight()
    {
        await using var postgres = await PostgresServer.StartTemporaryAsync(ct: Ct);
        var theirs = new NpgsqlConnectionStringBuilder(postgres.ConnectionString("postgres"));
        var password = (await File.ReadAllTextAsync(theirs.Passfile!, Ct)).Trim().Split(':')[^1];
        theirs.Passfile = null;
        theirs.Password = password;

        await using var host = await HostProcess.Ready("--no-dashboard", "--only", "echo", "--external", $"postgres={theirs.ConnectionString}");
        var environment = await EnvironmentOf(host.Echo);
        Assert.DoesNotContain(environment, variable => variable.Value.Contains(password, StringComparison.Ordinal));
        Assert.DoesNotContain(host.Family(), member => CommandLine(member).Contains("postgres", StringComparison.Ordinal) && member.Id != postgres.ProcessId);
        await using var source = NpgsqlDataSource.Create(environment["ConnectionStrings__echodb"] + ";Pooling=false");
        await using var command = source.CreateCommand("select current_database()");
        Assert.Equal("echodb", await command.ExecuteScalarAsync(Ct));
    }

    private static string Plan(TemporaryFolder folder, string code)
    {
        var plan = Path.Combine(folder.Path, "plan");
        File.WriteAllText(plan, code);
        return plan;
    }

    private static async Task<string> Secret(HostProcess host, string file) => (await File.ReadAllTextAsync(Path.Combine(host.Data, file), Ct)).Trim();

    private static async Task<Dictionary<string, string>> EnvironmentOf(Uri service) =>
        JsonSerializer.Deserialize<Dictionary<string, string>>(await Client.GetStringAsync(new Uri(service, "/environment"), Ct))!;

    private static string CommandLine(Process process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static bool Answers(Uri service)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(service, "/health"));
            using var answer = Client.Send(request, Ct);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
