using System.Text;
using System.Text.Json;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.DoomedGateway;

/// <summary>A tool with an effect that can be counted from outside and may not be repeated: each run adds a line to a file that carries the name of the call.</summary>
internal sealed class EffectTool(string folder, Func<string, Task> reach) : ITool
{
    public ToolSpec Spec { get; } = new()
    {
        Server = "effect", Name = "make", Version = "1", Title = "Effect", Description = "Adds a line to a file.",
        InputSchema = JsonSerializer.Deserialize<JsonElement>("""{"type":"object","additionalProperties":false}"""),
    };

    public async Task<ToolOutput> Run(ToolCall call, CancellationToken ct)
    {
        await reach("BeforeEffect");
        await using (var file = new FileStream(Path.Combine(folder, call.Invocation.ToString()), FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
        {
            await file.WriteAsync(Encoding.UTF8.GetBytes("x\n"), ct);
        }

        await reach("AfterEffect");
        return new ToolOutput(JsonSerializer.SerializeToElement(new { done = true }), [], Failure: null);
    }
}
