using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>A missing or weak token on a route for models is refused in the form its clients read; elsewhere as everywhere.</summary>
public sealed class RefuseInCallersForm : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler _others = new();

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded || AnswerErrors.FormatOf(context.Request.Path) is null)
        {
            await _others.HandleAsync(next, context, policy, authorizeResult);
            return;
        }
        var (status, error) = authorizeResult.Challenged
            ? (StatusCodes.Status401Unauthorized, new CallError("Send 'Authorization: Bearer TOKEN' with a token of a known principal; clients of models call it the API key.", "authentication_error", null, "invalid_api_key"))
            : (StatusCodes.Status403Forbidden, new CallError($"The role '{context.User.FindFirstValue(ClaimTypes.Role)}' may not do this.", "permission_error", null, "forbidden"));
        await AnswerErrors.Write(context, new ModelCallException(status, error));
    }
}
