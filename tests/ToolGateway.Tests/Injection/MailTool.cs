using System.Text.Json;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Tests.Invocations;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Injection;

/// <summary>A text from outside, and what a model that obeys it calls.</summary>
internal sealed record Injected(string Kind, string Text, string Tool, JsonElement Arguments);

/// <summary>Gives the texts of the corpus, or counts that it was called.</summary>
internal sealed class MailTool(string name, List<Injected> corpus, string server = "outside", bool openWorld = true, bool destructive = false) : ITool
{
    private int _runs;

    public int Runs => Volatile.Read(ref _runs);

    public ToolSpec Spec { get; } = new()
    {
        Server = server, Name = name, Version = "1", Title = name, Description = "Stands for a tool that reaches outside, or for one that must not run because of what came in.",
        OpenWorld = openWorld, Destructive = destructive, InputSchema = Story.Json("""{"type":"object"}"""),
    };

    public Task<ToolOutput> Run(ToolCall call, CancellationToken ct)
    {
        Interlocked.Increment(ref _runs);
        var text = call.Arguments.TryGetProperty("number", out var number) ? corpus[number.GetInt32()].Text : "done";
        return Task.FromResult(new ToolOutput(JsonSerializer.SerializeToElement(new { text }), [], Failure: null));
    }
}
