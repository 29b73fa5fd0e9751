using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ServiceDefaults;

internal static class AccessSetup
{
    public static void AddAccess(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(_ => new Principals(PrincipalsFile(builder.Configuration)));
        builder.Services.AddAuthentication(BearerTokens.Scheme).AddScheme<AuthenticationSchemeOptions, BearerTokens>(BearerTokens.Scheme, configureOptions: null);
        var authorization = builder.Services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        foreach (var (name, roles) in Access.Policies)
        {
            authorization.AddPolicy(name, policy => policy.RequireRole(roles));
        }
    }

    private static string PrincipalsFile(ConfigurationManager configuration)
    {
        var path = configuration["AGENTPLATFORM_PRINCIPALS"];
        return path is { Length: > 0 } && File.Exists(path)
            ? path
            : throw new InvalidOperationException(
                $"AGENTPLATFORM_PRINCIPALS must name a readable JSON file of principals [{{\"name\",\"role\",\"tokenSha256\"}}], not '{path}'; the AppHost makes one");
    }
}

/// <summary>Bearer tokens (RFC 6750) against the principals file.</summary>
internal sealed class BearerTokens(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, Principals principals)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public new const string Scheme = "Bearer";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (header.Length == 0)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        const string prefix = "Bearer ";
        if (!header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) || principals.Find(header[prefix.Length..].Trim()) is not { } principal)
        {
            return Task.FromResult(AuthenticateResult.Fail("unknown token"));
        }

        var identity = new ClaimsIdentity([new(ClaimTypes.Name, principal.Name), new(ClaimTypes.Role, principal.Role)], Scheme);
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = Scheme;
        return Refuse(StatusCodes.Status401Unauthorized, "unauthorized", "Send 'Authorization: Bearer TOKEN' with a token of a known principal; the owner's is in the file owner.token of the data folder");
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Refuse(StatusCodes.Status403Forbidden, "forbidden", $"The role '{Context.User.FindFirstValue(ClaimTypes.Role)}' of '{Context.User.Identity?.Name}' may not do this");

    private Task Refuse(int status, string slug, string detail)
    {
        Response.StatusCode = status;
        return Results.Problem(detail, statusCode: status, type: ProblemSetup.TypePrefix + slug).ExecuteAsync(Context);
    }
}
