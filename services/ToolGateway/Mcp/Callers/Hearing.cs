using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Mcp.Serving;

namespace AgentPlatform.ToolGateway.Mcp.Callers;

/// <summary>What the client of a call hears of it, until the tool has ended or this is disposed.</summary>
internal sealed class Hearing : IDisposable
{
    private readonly Channel<Callers.Told> _told;
    private readonly NatsLink _nats;
    private readonly IDisposable _listening;

    public Hearing(NatsLink nats, InvocationId invocation, ServingOptions options)
    {
        _nats = nats;
        _told = Channel.CreateBounded<Callers.Told>(new BoundedChannelOptions(options.ToldMax) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
        _listening = nats.Subscribe(Callers.Told.SubjectOf(invocation), (_, _, bytes) =>
        {
            var told = Callers.Told.Read(bytes);
            if (told is { IsEnd: true })
            {
                // Not one more to read: it must be heard also where so much was told that the rest is dropped.
                _told.Writer.TryComplete();
            }
            else if (told is not null)
            {
                _told.Writer.TryWrite(told);
            }
        });
    }

    public ChannelReader<Callers.Told> Told => _told.Reader;

    /// <summary>Answers what was asked; by key.</summary>
    /// <exception cref="IOException">It cannot be told now.</exception>
    public void Answer(string ask, JsonObject answers) => _nats.Publish(Callers.Told.SubjectOfAnswer(ask), Encoding.UTF8.GetBytes(answers.ToJsonString()));

    public void Dispose() => _listening.Dispose();
}
