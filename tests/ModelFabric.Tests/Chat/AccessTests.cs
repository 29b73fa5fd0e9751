using System.Net;
using System.Net.Http.Json;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Chat;

public sealed class AccessTests : IAsyncLifetime
{
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync() => _fabric = await FabricHost.Start();

    public ValueTask DisposeAsync() => _fabric.DisposeAsync();

    [Theory]
    [InlineData(null, 401, "invalid_api_key")]
    [InlineData("viewer", 403, "forbidden")]
    [InlineData("approver", 403, "forbidden")]
    [InlineData("agent", 404, "model_not_found")]
    [InlineData("service", 404, "model_not_found")]
    public async Task Who_may_call_models_is_told_in_the_openai_form(string? role, int status, string code)
    {
        using var http = _fabric.As(role);
        using var response = await http.PostAsJsonAsync("/v1/chat/completions", new { model = "no/such", messages = Array.Empty<object>() });

        Assert.Equal(code, (string)(await response.Error(status))["code"]!);
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)]
    [InlineData("agent", HttpStatusCode.Forbidden, HttpStatusCode.Forbidden)]
    [InlineData("operator", HttpStatusCode.OK, HttpStatusCode.Forbidden)]
    [InlineData("owner", HttpStatusCode.OK, HttpStatusCode.Created)]
    public async Task Providers_are_seen_by_operators_and_set_by_owners(string? role, HttpStatusCode seen, HttpStatusCode set)
    {
        using var http = _fabric.As(role);
        using var list = await http.GetAsync("/admin/providers");
        using var put = await http.PutAsJsonAsync("/admin/providers/p", new { kind = "openai", baseUrl = "http://localhost:1/v1" });

        Assert.Equal((seen, set), (list.StatusCode, put.StatusCode));
    }
}
