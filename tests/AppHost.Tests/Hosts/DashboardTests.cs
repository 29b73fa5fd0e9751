using System.Net;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.AppHost.Tests.Hosts;

/// <summary>The genuine dashboard beside a whole host.</summary>
public sealed class DashboardTests
{
    private static readonly HttpClient Client = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_there_knows_our_keys_tells_nobody_and_goes_with_a_killed_host()
    {
        Assert.SkipUnless(await CanBeHad(), "the dashboard is not on this machine and cannot be fetched");
        await using var host = await HostProcess.Ready("--log-level", "all");
        var dashboard = new Uri($"http://127.0.0.1:{host.PortBase + 18}");
        Assert.Equal(dashboard.ToString().TrimEnd('/'), (await host.Platform()).GetProperty("endpoints").GetProperty("dashboard").GetString());

        // The dashboard is nobody's dependency, so the stack may be ready a moment earlier.
        await host.Eventually(() => Answers(new Uri(dashboard, "/health")) == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.Unauthorized, Answers(new Uri(dashboard, "/api/telemetry/resources")));
        Assert.Equal(HttpStatusCode.OK, Answers(new Uri(dashboard, "/api/telemetry/resources"), (await File.ReadAllTextAsync(Path.Combine(host.Data, "credentials/dashboard-api.key"), Ct)).Trim()));

        foreach (var secret in Directory.EnumerateFiles(Path.Combine(host.Data, "credentials")).Where(file => file.Contains("dashboard", StringComparison.Ordinal) || file.Contains("telemetry", StringComparison.Ordinal)))
        {
            var value = (await File.ReadAllTextAsync(secret, Ct)).Trim();
            Assert.All(Directory.EnumerateFiles(Path.Combine(host.Data, "logs")), log => Assert.DoesNotContain(value, File.ReadAllText(log), StringComparison.Ordinal));
            Assert.All(host.Family().Where(IsDashboard), member => Assert.DoesNotContain(value, File.ReadAllText($"/proc/{member.Id}/environ"), StringComparison.Ordinal));
        }

        var family = host.Family();
        Assert.Contains(family, IsDashboard);
        host.Send(Signal.Kill);
        await Task.WhenAll(family.Select(member => member.WaitForExitAsync(Ct))).WaitAsync(TimeSpan.FromSeconds(30), Ct);
    }

    private static bool IsDashboard(System.Diagnostics.Process member) => File.ReadAllText($"/proc/{member.Id}/cmdline").Contains("aspire-managed", StringComparison.Ordinal);

    private static async Task<bool> CanBeHad()
    {
        try
        {
            await new ProgramFinder().FindDashboard(Ct);
            return true;
        }
        catch (ProgramMissingException)
        {
            return false;
        }
    }

    private static HttpStatusCode? Answers(Uri address, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (key is not null)
        {
            request.Headers.Add("x-api-key", key);
        }

        try
        {
            using var answer = Client.Send(request, Ct);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
