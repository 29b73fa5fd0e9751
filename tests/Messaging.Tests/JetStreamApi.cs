using System.Text.Json;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Messaging.Tests;

/// <summary>What an operator, or a disk, can do to JetStream.</summary>
public sealed class JetStreamApi(Servers servers) : IDisposable
{
    private static readonly string[] Streams = [JetStream.Commands, JetStream.Events];
    private readonly NatsLink _link = new("operator", new MessagingOptions { Url = servers.Nats.Url }, NullLogger<NatsLink>.Instance);

    public async Task<JsonElement> Ask(string what, object? body = null)
    {
        await _link.WaitConnected(CancellationToken.None);
        return JsonSerializer.Deserialize<JsonElement>(await _link.Request($"$JS.API.{what}", body is null ? [] : JsonSerializer.SerializeToUtf8Bytes(body), CancellationToken.None));
    }

    public async Task DeleteStreams(string prefix)
    {
        foreach (var stream in Streams)
        {
            await Ask($"STREAM.DELETE.{prefix}_{stream}");
        }
    }

    /// <summary>Single messages, the last one likelier than others; fewer when there are fewer.</summary>
    public async Task DeleteMessages(string prefix, int count, Random chance)
    {
        var stream = $"{prefix}_{Streams[chance.Next(Streams.Length)]}";
        var info = await Ask($"STREAM.INFO.{stream}");
        if (!info.TryGetProperty("state", out var state))
        {
            return;
        }

        var (first, last) = (state.GetProperty("first_seq").GetInt64(), state.GetProperty("last_seq").GetInt64());
        for (var i = 0; i < count && last > 0; i++)
        {
            await Ask($"STREAM.MSG.DELETE.{stream}", new { seq = i == 0 ? last : chance.NextInt64(Math.Max(1, first), last + 1) });
        }
    }

    public void Dispose() => _link.Dispose();
}
