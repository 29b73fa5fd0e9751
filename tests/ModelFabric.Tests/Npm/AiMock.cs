using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;

namespace AgentPlatform.ModelFabric.Tests.Npm;

/// <summary>npm <c>@copilotkit/aimock</c>: OpenAI's, Anthropic's and Google's formats on one port, and faults on request.</summary>
public sealed class AiMock : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private AiMock(ChildProcess process, int port) => (_process, Url) = (process, new Uri($"http://127.0.0.1:{port}"));

    public Uri Url { get; }

    public static async Task<AiMock> Start(NpmFolder folder, params string[] more)
    {
        var port = LoopbackPorts.Next();
        var mock = new AiMock(
            ChildProcess.Start(new ChildProcessStart("node", ["node_modules/@copilotkit/aimock/dist/cli.js", "-f", "aimock.json", "-p", $"{port}", "-h", "127.0.0.1", .. more]) { WorkingDirectory = folder.Path }),
            port);
        using var http = new HttpClient { BaseAddress = mock.Url };
        await Eventually.True(async () => await Healthy(http), "aimock answers");
        return mock;
    }

    public async ValueTask DisposeAsync() => await _process.DisposeAsync();

    private static async Task<bool> Healthy(HttpClient http)
    {
        try
        {
            using var response = await http.GetAsync("/health");
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            // Not listening yet.
            return false;
        }
    }
}
