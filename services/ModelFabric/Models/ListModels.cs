namespace AgentPlatform.ModelFabric.Models;

/// <summary><c>GET /v1/models</c> and <c>GET /anthropic/v1/models</c>: the same models, each in its clients' form.</summary>
public static class ListModels
{
    public static async Task<IResult> InOpenAiForm(HttpContext http, ModelRouter router, CancellationToken ct)
    {
        var models = await router.List(Calls.CallHeaders.Workspace(http.Request), ct);
        return Results.Json(new
        {
            @object = "list",
            data = models.Select(model => new { id = model.Id, @object = "model", created = 0, owned_by = model.OwnedBy }),
        });
    }

    public static async Task<IResult> InAnthropicForm(HttpContext http, ModelRouter router, CancellationToken ct)
    {
        var models = await router.List(Calls.CallHeaders.Workspace(http.Request), ct);
        return Results.Json(new
        {
            data = models.Select(model => new { type = "model", id = model.Id, display_name = model.Id, created_at = DateTimeOffset.UnixEpoch }),
            has_more = false,
            first_id = models.Count > 0 ? models[0].Id : null,
            last_id = models.Count > 0 ? models[^1].Id : null,
        });
    }
}
