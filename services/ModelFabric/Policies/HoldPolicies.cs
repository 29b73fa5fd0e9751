using AgentPlatform.Messaging;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Policies;

/// <summary>Holds calls to the policies that fit them, at the last moment before a provider is asked.</summary>
public sealed class HoldPolicies(ISettingStore<CallPolicy> policies)
{
    /// <summary>Those for a call by the name its caller used.</summary>
    public async Task<IReadOnlyList<CallPolicy>> Of(string principal, string model, CancellationToken ct)
    {
        var all = await All(ct);
        return all.Count == 0 ? all : [.. all.Where(policy => policy.Fits(principal, model))];
    }

    /// <summary>The call as it may be made: its host is allowed, and what must not leave is taken out.</summary>
    /// <exception cref="ModelCallException">It may not be made at all.</exception>
    public async Task<ModelCall> Guard(ModelCall call, ModelRoute route, string principal, AnswerNotes notes, CancellationToken ct)
    {
        if (route.Entry is not { } provider)
        {
            return call;
        }
        var all = await All(ct);
        if (all.Count == 0)
        {
            return call;
        }
        var concerned = all.Where(policy => policy.Fits(principal, call.Request.Model, $"{route.Provider}/{route.Model}")).ToArray();
        var fitting = concerned.Where(policy => !provider.IsLocal || policy.AlsoOnThisMachine).ToArray();
        if (fitting.FirstOrDefault(policy => !policy.Allows(provider.BaseUrl.IdnHost)) is { } strict)
        {
            throw new ModelCallException(StatusCodes.Status403Forbidden, new CallError(
                $"Policy '{strict.Name}' lets this call go to {(strict.Hosts is [] ? "no host" : string.Join(", ", strict.Hosts!))}, and provider '{route.Provider}' is at {provider.BaseUrl.IdnHost}. "
                + $"Name another model, or change it: PUT /admin/policies/{strict.Name}.", "permission_error", "model", "host_not_allowed"));
        }
        if (concerned.FirstOrDefault(policy => !policy.AllowsMedia(provider.IsLocal)) is { } textOnly && FindMedia.In(call.Request) is { } part)
        {
            throw new ModelCallException(StatusCodes.Status403Forbidden, new CallError(
                $"Policy '{textOnly.Name}' {(textOnly.Media is null ? "takes texts out of what leaves, and nobody can look for them in" : "does not let such a call go to this provider with")} {part}. "
                + $"Leave it out, name a model on this machine, or say what is to become of images, documents and sound (media): PUT /admin/policies/{textOnly.Name}.", "permission_error", "model", textOnly.Media is null ? "not_redactable" : "media_not_allowed"));
        }
        RedactionRule[] rules = [.. fitting.SelectMany(policy => policy.Redact ?? []).Distinct()];
        if (rules.Length == 0)
        {
            return call;
        }
        if (!call.Request.Format.AnswersJson)
        {
            // Sound, and a policy that lets it go as it is.
            return call;
        }
        var (body, findings) = RedactTexts.From(call.Request, rules);
        notes.Redactions = findings;
        return findings == 0 ? call : call with { Request = call.Request.Format.Scan(body, call.Request.ContentType) with { Headers = call.Request.Headers } };
    }

    private async Task<IReadOnlyList<CallPolicy>> All(CancellationToken ct)
    {
        try
        {
            return await policies.All(ct);
        }
        catch (Exception away) when (Transient.Is(away))
        {
            throw ModelCallException.Upstream("store_unavailable", "The policies cannot be read at the moment, so nothing is sent. Ask again.", StatusCodes.Status503ServiceUnavailable, away);
        }
    }
}
