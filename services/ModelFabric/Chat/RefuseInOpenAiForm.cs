using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace AgentPlatform.ModelFabric.Chat;

/// <summary>A missing or weak token on the OpenAI routes is refused in the form OpenAI clients read; elsewhere as everywhere.</summary>
public sealed class RefuseInOpenAiForm : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler _others = new();

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded || !context.Request.Path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase))
        {
            await _others.HandleAsync(next, context, policy, authorizeResult);
            return;
        }
        var (status, error) = authorizeResult.Challenged
            ? (StatusCodes.Status401Unauthorized, new OpenAiError("Send 'Authorization: Bearer TOKEN' with a token of a known principal; OpenAI clients call it the API key.", "authentication_error", null, "invalid_api_key"))
            : (StatusCodes.Status403Forbidden, new OpenAiError($"The role '{context.User.FindFirstValue(ClaimTypes.Role)}' may not do this.", "permission_error", null, "forbidden"));
        await AnswerErrors.Write(context, new ModelCallException(status, error));
    }
}
