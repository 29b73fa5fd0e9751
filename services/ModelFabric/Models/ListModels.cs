namespace AgentPlatform.ModelFabric.Models;

/// <summary><c>GET /v1/models</c> in the OpenAI wire format.</summary>
public static class ListModels
{
    public static async Task<IResult> Handle(HttpContext http, ModelRouter router, CancellationToken ct)
    {
        var models = await router.List(Chat.CallHeaders.Workspace(http.Request), ct);
        return Results.Json(new
        {
            @object = "list",
            data = models.Select(model => new { id = model.Id, @object = "model", created = 0, owned_by = model.OwnedBy }),
        });
    }
}
