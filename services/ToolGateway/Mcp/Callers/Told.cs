using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Mcp.Callers;

/// <summary>
/// What travels between the process that runs a call and the one whose client made it; they need not be the same. Live data: told, not kept. Should one of them
/// die, the client asks for the result again and the tool is told that nobody answered.
/// </summary>
/// <param name="Method">A notification; null when something is asked, and when the tool has ended.</param>
/// <param name="Content">Its parameters, or by key what is asked.</param>
/// <param name="Ask">The id of what is asked.</param>
internal sealed record Told(string? Method, JsonNode? Content, string? Ask)
{
    /// <summary>Nothing more comes.</summary>
    public bool IsEnd => Method is null && Ask is null;

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, ContractJson.Options);

    public static Told? Read(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<Told>(bytes, ContractJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Where a call's client hears of it.</summary>
    public static string SubjectOf(InvocationId invocation) => Subjects.Live("mcp", invocation.ToString());

    /// <summary>Where an answer is waited for.</summary>
    public static string SubjectOfAnswer(string ask) => Subjects.Live("mcp-answer", ask);
}
