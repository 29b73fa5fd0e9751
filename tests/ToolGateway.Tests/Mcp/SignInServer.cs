using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>An MCP server that wants a token, and the authorization server that gives one to whoever opens its page; both at one address.</summary>
internal sealed class SignInServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, string> _challenges = new();
    private readonly ConcurrentQueue<string> _given = new();
    private string? _access, _refresh;

    private SignInServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.MapGet("/.well-known/oauth-protected-resource", () => Results.Json(new { resource = Url, authorization_servers = new[] { Url } }));
        _app.MapGet("/.well-known/oauth-authorization-server", () => Results.Json(new
        {
            issuer = Url, authorization_endpoint = Url + "/authorize", token_endpoint = Url + "/token", registration_endpoint = Url + "/register",
            response_types_supported = new[] { "code" }, code_challenge_methods_supported = new[] { "S256" }, token_endpoint_auth_methods_supported = new[] { "client_secret_post" },
        }));
        _app.MapPost("/register", () => Results.Json(new { client_id = "gateway", client_secret = New("client") }, statusCode: 201));
        _app.MapGet("/authorize", (string state, string redirect_uri, string code_challenge) =>
        {
            var code = New("code");
            _challenges[code] = code_challenge;
            return Results.Redirect($"{redirect_uri}?code={code}&state={state}");
        });
        _app.MapPost("/token", async (HttpContext http, CancellationToken ct) => Tokens(await http.Request.ReadFormAsync(ct)));
        _app.MapPost("/", (Delegate)Mcp);
    }

    public string Url => _app.Urls.First();

    /// <summary>Everything that authenticates somebody.</summary>
    public IReadOnlyCollection<string> Secrets => _given;

    public static async Task<SignInServer> Start()
    {
        var server = new SignInServer();
        await server._app.StartAsync();
        return server;
    }

    /// <summary>The access token is good for nothing any more.</summary>
    public void Revoke() => _access = null;

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private IResult Tokens(IFormCollection form)
    {
        var isCode = form["grant_type"] == "authorization_code" && _challenges.TryRemove(form["code"].ToString(), out var challenge)
            && challenge == Convert.ToBase64String(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        if (!isCode && !(form["grant_type"] == "refresh_token" && form["refresh_token"] == _refresh))
        {
            return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
        }

        (_access, _refresh) = (New("access"), New("refresh"));
        return Results.Json(new { access_token = _access, refresh_token = _refresh, token_type = "Bearer", expires_in = 3600 });
    }

    private async Task<IResult> Mcp(HttpContext http)
    {
        if (_access is null || http.Request.Headers.Authorization != $"Bearer {_access}")
        {
            http.Response.Headers.WWWAuthenticate = $"Bearer resource_metadata=\"{Url}/.well-known/oauth-protected-resource\"";
            return Results.StatusCode(401);
        }

        var message = (await JsonNode.ParseAsync(http.Request.Body))!;
        JsonObject? result = message["method"]!.ToString() switch
        {
            "initialize" => new() { ["protocolVersion"] = "2025-11-25", ["capabilities"] = new JsonObject { ["tools"] = new JsonObject() }, ["serverInfo"] = new JsonObject { ["name"] = "signed", ["version"] = "1" } },
            "tools/list" => new() { ["tools"] = new JsonArray(new JsonObject { ["name"] = "whoami", ["inputSchema"] = new JsonObject { ["type"] = "object" } }) },
            "tools/call" => new() { ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = http.Request.Headers.Authorization.ToString() }) },
            _ => null,
        };
        return message["id"] is not { } id ? Results.StatusCode(202)
            : Results.Json(result is null
                ? new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id.DeepClone(), ["error"] = new JsonObject { ["code"] = -32601, ["message"] = "no such method" } }
                : new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id.DeepClone(), ["result"] = result });
    }

    private string New(string kind)
    {
        var secret = $"{kind}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}";
        _given.Enqueue(secret);
        return secret;
    }
}
