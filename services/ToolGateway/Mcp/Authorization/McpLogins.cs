using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.WebUtilities;
using ModelContextProtocol;
using ModelContextProtocol.Authentication;

namespace AgentPlatform.ToolGateway.Mcp.Authorization;

/// <summary>Nobody signed in; nothing was sent to the server.</summary>
internal sealed class McpLoginException(string message) : McpException(message);

/// <summary>A server that waits for somebody to sign in.</summary>
/// <param name="Request">What the inbox shows.</param>
/// <param name="Server">The server.</param>
/// <param name="Address">Where to sign in. Not for the record: who knows it could answer with another account.</param>
/// <param name="ExpiresAt">Until when it waits.</param>
internal sealed record McpLogin(Contracts.RequestId Request, string Server, Uri Address, DateTimeOffset ExpiresAt)
{
    internal TaskCompletionSource<AuthorizationResult> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal string? State => QueryHelpers.ParseQuery(Address.Query).TryGetValue("state", out var state) ? state.ToString() : null;
}

/// <summary>
/// The sign-ins that wait for a human. They live in the process whose connection needs them, since what proves that an answer is for us (PKCE) does; with it they are gone, and
/// the next call of the server, or <c>agentctl mcp login</c>, begins another. The inbox shows that somebody is wanted; the address to go to is given to owners only.
/// </summary>
internal sealed partial class McpLogins(McpOptions options, DecisionWriter writer, TimeProvider time, IServiceProvider services, ILogger<McpLogins> log)
{
    /// <summary>Where authorization servers send the human's browser back to.</summary>
    public const string Path = "/oauth/callback";

    private readonly Lock _gate = new();
    private ImmutableList<McpLogin> _waiting = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>That path on this process, unless the options name another way to it.</summary>
    public Uri RedirectUri
    {
        get
        {
            if (options.RedirectUri is { } given)
            {
                return new Uri(given);
            }

            var own = services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault(a => a.StartsWith("http://", StringComparison.Ordinal));
            return new UriBuilder("http", "127.0.0.1", own is null ? 80 : BindingAddress.Parse(own).Port, Path).Uri;
        }
    }

    /// <summary>Asks for somebody to sign in.</summary>
    public async Task<McpLogin> Ask(string server, Uri address, CancellationToken ct)
    {
        var login = new McpLogin(Contracts.RequestId.New(), server, address, time.GetUtcNow() + options.LoginDurationMax);
        await Record(server, new McpServerEvent.LoginWanted(login.Request, login.ExpiresAt, time.GetUtcNow()), Request(login), ct);
        Change(waiting => waiting.Add(login));
        return login;
    }

    /// <summary>Waits until somebody has.</summary>
    /// <exception cref="McpLoginException">Nobody did, somebody said no, or the authorization server did.</exception>
    public async Task<AuthorizationResult> Answer(McpLogin login, CancellationToken ct)
    {
        var how = "the gateway stopped waiting";
        try
        {
            var result = await login.Answer.Task.WaitAsync(options.LoginDurationMax, time, ct);
            how = "somebody signed in";
            return result;
        }
        catch (TimeoutException)
        {
            how = $"nobody signed in within {options.LoginDurationMax.TotalMinutes:0} minutes";
            throw new McpLoginException($"{how}; run: agentctl mcp login {login.Server}");
        }
        catch (McpLoginException e)
        {
            how = e.Message;
            throw;
        }
        finally
        {
            await Ended(login, how);
            Change(waiting => waiting.Remove(login));
        }
    }

    /// <summary>What waits for a server now, if anything.</summary>
    public McpLogin? Waiting(string server) => Volatile.Read(ref _waiting).Find(login => login.Server == server);

    /// <summary>The next one of a server that is not the one known already.</summary>
    public async Task<McpLogin> Next(string server, McpLogin? known, CancellationToken ct)
    {
        while (true)
        {
            var news = Volatile.Read(ref _news).Task;
            if (Waiting(server) is { } login && login != known)
            {
                return login;
            }

            await news.WaitAsync(ct);
        }
    }

    /// <summary>Takes what an authorization server sent a browser back with.</summary>
    /// <param name="query">Its parameters.</param>
    /// <param name="server">Only for this server, if it is known.</param>
    /// <returns>False if nothing waits for it.</returns>
    public bool Take(IReadOnlyDictionary<string, string> query, string? server = null)
    {
        var state = query.GetValueOrDefault("state");
        if (state is null || Volatile.Read(ref _waiting).Find(login => Same(login.State, state) && (server is null || login.Server == server)) is not { } login)
        {
            return false;
        }

        return query.GetValueOrDefault("error") is { } error
            ? login.Answer.TrySetException(new McpLoginException($"the authorization server said no: {Printable(error)}"))
            : login.Answer.TrySetResult(new AuthorizationResult { Code = query.GetValueOrDefault("code"), State = state, Iss = query.GetValueOrDefault("iss") });
    }

    /// <summary>Somebody answered the request in the inbox. A yes signs nobody in; a no ends the wait.</summary>
    public void Hear(RequestDecided message)
    {
        if (message.Decision != Decision.Approve && Volatile.Read(ref _waiting).Find(login => login.Request == message.Request) is { } login)
        {
            login.Answer.TrySetException(new McpLoginException($"{message.DecidedBy} said no to signing in"));
        }
    }

    private static RequestDecision Request(McpLogin login) => new(
        login.Request,
        RequestKind.Approval,
        $"The MCP server {login.Server} wants somebody to sign in",
        $"It cannot be used before. Run `agentctl mcp login {login.Server}` and sign in at {login.Address.Host}. A yes here signs nobody in; a no ends the wait.",
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"sign in {login.Request}"))),
        Run: null,
        Task: null,
        ServiceNames.ToolGateway,
        login.ExpiresAt);

    private static bool Same(string? one, string other) => one is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));

    private static string Printable(string text) => new([.. text.Where(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-').Take(60)]);

    private async Task Ended(McpLogin login, string how)
    {
        try
        {
            await Record(login.Server, new McpServerEvent.LoginEnded(login.Request, how, time.GetUtcNow()), new WithdrawRequest(login.Request, how), CancellationToken.None);
        }
        catch (Exception e) when (Transient.Is(e))
        {
            // The request ends by itself when its time is over; who has signed in has.
            NotRecorded(e, login.Server);
        }
    }

    // A server that was taken away has no more facts; its request is taken back all the same.
    private async Task Record(string server, McpServerEvent fact, object message, CancellationToken ct) =>
        await writer.Write(McpServer.Kind, server, known => known.Set is not null ? ([fact], [message]) : ([], message is WithdrawRequest ? [message] : []), static _ => { }, ct);

    private void Change(Func<ImmutableList<McpLogin>, ImmutableList<McpLogin>> change)
    {
        TaskCompletionSource news;
        lock (_gate)
        {
            _waiting = change(_waiting);
            (news, _news) = (_news, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        news.SetResult();
    }

    [LoggerMessage(4232, LogLevel.Warning, "The end of a sign-in at MCP server {Server} could not be stored; its request in the inbox ends by itself")]
    private partial void NotRecorded(Exception cause, string server);
}
