using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ModelFabric.Providers;

/// <param name="Check">answer (address and key), tool_call or stream.</param>
/// <param name="Detail">What was seen, or what went wrong and what to do.</param>
public sealed record ProviderCheck(string Check, bool Ok, double Milliseconds, string Detail);

/// <summary>
/// <c>POST /admin/providers/{name}/test</c>: three small calls that show whether address and key, tools and streams work. They are
/// calls like any other: through budgets and limits, recorded, and at the provider's price.
/// </summary>
/// <param name="Model">Which of its models; the first it declares when not said.</param>
public sealed record TestProvider(string? Model = null)
{
    private const string Tool = "report";
    private const int TokensMax = 256;
    private const int DetailLengthMax = 500;

    public static async Task<IResult> Handle(string name, TestProvider? body, HttpContext http, ProviderCatalog catalog, AnswerCall call, CancellationToken ct)
    {
        var provider = await catalog.Find(name, ct) ?? throw RemoveProvider.Unknown(name);
        var model = body?.Model ?? (provider.Models.Count > 0 ? provider.Models[0] : null)
            ?? throw new ProblemException(StatusCodes.Status400BadRequest, "provider-refused", $"Provider '{name}' declares no models; name one: {{\"model\": \"…\"}}.");
        var id = $"{name}/{model}";
        ProviderCheck[] checks =
        [
            await Check("answer", Ask(id, "Answer with the word ok.", new()), Answered, http, call, ct),
            await Check("tool_call", Ask(id, $"Call the tool {Tool} with the word ok.", Offer()), CalledTool, http, call, ct),
            await Check("stream", Ask(id, "Answer with the word ok.", new() { ["stream"] = true }), Streamed, http, call, ct),
        ];
        return Results.Ok(new { provider = name, model, ok = checks.All(check => check.Ok), checks });
    }

    private static async Task<ProviderCheck> Check(string name, JsonObject request, Func<string, string?> seen, HttpContext asking, AnswerCall call, CancellationToken ct)
    {
        var http = new DefaultHttpContext { User = asking.User, RequestAborted = ct };
        using var answer = new MemoryStream();
        http.Request.ContentType = "application/json";
        http.Request.Body = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(request));
        http.Response.Body = answer;
        var started = Stopwatch.GetTimestamp();
        try
        {
            await call.Handle(http, ChatFormat.Instance);
            var text = System.Text.Encoding.UTF8.GetString(answer.ToArray());
            var found = seen(text);
            return Told(found is not null, found ?? $"The answer does not hold it: {text}");
        }
        catch (ModelCallException failure)
        {
            return Told(false, $"{failure.ErrorClass}: {failure.Message}");
        }

        ProviderCheck Told(bool ok, string detail) =>
            new(name, ok, Stopwatch.GetElapsedTime(started).TotalMilliseconds, detail.Length <= DetailLengthMax ? detail : detail[..DetailLengthMax] + "…");
    }

    private static JsonObject Ask(string model, string text, JsonObject more)
    {
        more["model"] = model;
        more["max_tokens"] = TokensMax;
        more["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text });
        return more;
    }

    private static JsonObject Offer() => new()
    {
        ["tools"] = new JsonArray(new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = Tool,
                ["description"] = "Reports a word.",
                ["parameters"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject { ["word"] = new JsonObject { ["type"] = "string" } },
                    ["required"] = new JsonArray("word"),
                },
            },
        }),
    };

    private static string? Answered(string text) => JsonNode.Parse(text)?["choices"]?[0]?["message"] is JsonObject ? "answered" : null;

    private static string? CalledTool(string text) =>
        JsonNode.Parse(text)?["choices"]?[0]?["message"]?["tool_calls"]?[0]?["function"] is { } function && (string?)function["name"] == Tool ? $"called {Tool} with {function["arguments"]}" : null;

    private static string? Streamed(string text)
    {
        var events = text.Split('\n').Count(line => line.StartsWith("data:", StringComparison.Ordinal));
        return text.Contains("data: [DONE]", StringComparison.Ordinal) ? $"{events} events, complete" : null;
    }
}
