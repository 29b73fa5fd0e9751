using System.Net;
using System.Net.Mime;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>Asks ModelFabric for the next step of an agent and stores the answer. Told twice it gets the recorded answer of the first time, by its idempotency key.</summary>
internal sealed class AskModel(IEventStore store, DecisionWriter writer, IHttpClientFactory clients, ToolCatalogue tools, TimeProvider time)
{
    public async Task Handle(CallModel message, MessageContext context, CancellationToken ct)
    {
        var id = Attempt.IdOf(message.Run, message.Task, message.Attempt);
        var (attempt, _) = await store.Aggregate(Attempt.Kind, id, ct);
        if (attempt is not Attempt.Working working || !IsWaiting(working, message.Step))
        {
            return;
        }

        var answer = await Ask(working, message.Step, ct);
        await writer.Write(
            Attempt.Kind,
            id,
            state => state is Attempt.Working now && IsWaiting(now, message.Step) ? answer(now) : ([], []),
            context.Complete,
            ct);
    }

    // A step that is answered already was told twice; a step nobody asked for belongs to an attempt that went another way.
    private static bool IsWaiting(Attempt.Working working, int step) => working.AskedStep == step && working.Steps.Count == step - 1;

    private async Task<Func<Attempt.Working, (AttemptEvent[] Facts, object[] Outgoing)>> Ask(Attempt.Working working, int step, CancellationToken ct)
    {
        var about = working.About;
        var offered = CheckPlan.Matching(await tools.All(ct), about.Plan.Agent!.Tools ?? []);
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/chat/completions")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Conversation.Request(working, offered).ToJsonString())) { Headers = { ContentType = new(MediaTypeNames.Application.Json) } },
        };
        request.Headers.Add("Idempotency-Key", DerivedId.Of(about.Run.ToString(), about.Task, about.Attempt.ToString(), step.ToString(), "model").ToString());
        request.Headers.Add("x-agentplatform-run", about.Run.ToString());
        request.Headers.Add("x-agentplatform-task", about.Task);
        request.Headers.Add("x-agentplatform-workspace", about.Workspace.ToString());
        using var response = await clients.CreateClient(ServiceNames.ModelFabric).SendAsync(request, ct);
        var body = await response.Content.ReadAsByteArrayAsync(ct);
        var now = time.GetUtcNow();
        if (!response.IsSuccessStatusCode)
        {
            var retryable = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError;
            var reason = $"the model '{about.Plan.Agent.Model}' did not answer ({(int)response.StatusCode}): {ErrorText(body)}";
            return state => EndAttempt.Failed(state, now, "model", reason, retryable);
        }

        try
        {
            var answer = Read(body, step, now);
            return state => AgentLoop.Answered(state, answer, now);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return state => EndAttempt.Failed(state, now, "model", $"the model '{about.Plan.Agent.Model}' answered something that is no chat completion: {e.Message}", retryable: true);
        }
    }

    private static AttemptEvent.ModelAnswered Read(byte[] body, int step, DateTimeOffset now)
    {
        var json = JsonSerializer.Deserialize<JsonElement>(body);
        var choice = json.GetProperty("choices")[0];
        var message = choice.GetProperty("message");
        ModelToolCall[] calls = message.TryGetProperty("tool_calls", out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(c => new ModelToolCall(
                c.GetProperty("id").GetString()!, c.GetProperty("function").GetProperty("name").GetString()!, c.GetProperty("function").GetProperty("arguments").GetString() ?? "{}"))]
            : [];
        var usage = json.TryGetProperty("usage", out var u) && u.ValueKind == JsonValueKind.Object ? u : default;
        return new AttemptEvent.ModelAnswered(
            step,
            message.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String ? content.GetString() : null,
            calls,
            Tokens(usage, "prompt_tokens"),
            Tokens(usage, "completion_tokens"),
            choice.TryGetProperty("finish_reason", out var reason) ? reason.GetString() : null,
            now);
    }

    private static long Tokens(JsonElement usage, string name) =>
        usage.ValueKind == JsonValueKind.Object && usage.TryGetProperty(name, out var value) && value.TryGetInt64(out var tokens) ? tokens : 0;

    private static string ErrorText(byte[] body)
    {
        try
        {
            var json = JsonSerializer.Deserialize<JsonElement>(body);
            return json.TryGetProperty("error", out var error) && error.TryGetProperty("message", out var message) ? message.GetString() ?? "no reason given"
                : json.TryGetProperty("detail", out var detail) ? detail.GetString() ?? "no reason given" : "no reason given";
        }
        catch (JsonException)
        {
            return "the answer is no JSON";
        }
    }
}
