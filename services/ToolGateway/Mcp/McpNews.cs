using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What a server tells that belongs to no call, for the clients of every replica. Live: who does not listen asks for the list again.</summary>
internal sealed class McpNews(NatsLink nats, string server)
{
    private readonly string _subject = Subjects.Live("mcp-server", server);

    public void Tell(string method, JsonNode? content)
    {
        try
        {
            nats.Publish(_subject, Encoding.UTF8.GetBytes(new JsonObject { ["method"] = method, ["params"] = content?.DeepClone() }.ToJsonString()));
        }
        catch (IOException)
        {
            // Not connected: nobody can be told now.
        }
    }

    public IDisposable Listen(Action<string, JsonNode?> hear) => nats.Subscribe(_subject, (_, _, bytes) =>
    {
        if (JsonNode.Parse(bytes) is JsonObject told && told["method"]?.ToString() is { } method)
        {
            hear(method, told["params"]);
        }
    });
}
