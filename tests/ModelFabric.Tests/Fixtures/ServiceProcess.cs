using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Testing;

namespace AgentPlatform.ModelFabric.Tests.Fixtures;

/// <summary>The service as a process of its own, for what only a process shows.</summary>
public static class ServiceProcess
{
    public static ProcessStartInfo Of(Servers servers, string folder, string database, (string Key, string Value)[] settings)
    {
        var principals = Path.Combine(folder, "principals.json");
        File.WriteAllText(principals, $$"""[{"name":"owner","role":"owner","tokenSha256":"{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(FabricHost.Token("owner"))))}}"}]""");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "AgentPlatform.ModelFabric.dll"), "--urls=http://127.0.0.1:0"])
        {
            RedirectStandardOutput = true, UseShellExecute = false, WorkingDirectory = folder,
        };
        start.Environment["AGENTPLATFORM_PRINCIPALS"] = principals;
        start.Environment["AGENTPLATFORM_DATA"] = folder;
        start.Environment["ConnectionStrings__modelfabricdb"] = database;
        start.Environment["ConnectionStrings__nats"] = servers.Nats.Url;
        foreach (var (key, value) in settings)
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }
        return start;
    }

    /// <summary>The address the service says it listens on.</summary>
    public static async Task<Uri> Listening(Process service)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var said = new StringBuilder();
        while (await service.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            said.AppendLine(line);
            var at = line.IndexOf("http://127.0.0.1:", StringComparison.Ordinal);
            if (at >= 0 && line.Contains("listening", StringComparison.OrdinalIgnoreCase))
            {
                var end = line.AsSpan(at + "http://127.0.0.1:".Length).IndexOfAnyExceptInRange('0', '9');
                return new Uri(end < 0 ? line[at..] : line[at..(at + "http://127.0.0.1:".Length + end)]);
            }
        }
        throw new InvalidOperationException($"The service ended without listening: {said}");
    }
}
