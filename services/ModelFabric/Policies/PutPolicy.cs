using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Policies;

/// <summary>The body of <c>PUT /admin/policies/{name}</c>; what each means stands at <see cref="CallPolicy"/>.</summary>
public sealed record PutPolicy(
    string? Principal = null, string? Models = null, string[]? Hosts = null, RedactionRule[]? Redact = null, bool AlsoOnThisMachine = false, bool KeepTexts = false, int? CacheSeconds = null,
    MediaRule? Media = null)
{
    private const int TextLengthMax = 255;
    private const int PatternLengthMax = 1000;
    private const int CacheSecondsMax = 30 * 24 * 3600;

    public static async Task<IResult> Handle(
        string name, PutPolicy body, HttpContext http, ISettingStore<CallPolicy> policies, MasterKeySource master, IOptions<ModelFabricOptions> options, CancellationToken ct)
    {
        var max = options.Value.Policies;
        if (!CallPolicy.NamePattern().IsMatch(name))
        {
            throw Refuse("A policy's name is up to 40 lower-case letters, digits and dashes.");
        }
        if (new[] { body.Principal, body.Models }.Concat(body.Hosts ?? []).Any(text => text is not null && (text.Length is 0 or > TextLengthMax || text.Any(char.IsControl))) || body.Hosts?.Length > max.HostsMax)
        {
            throw Refuse($"principal, models and each of at most {max.HostsMax} hosts have 1 to {TextLengthMax} characters.");
        }
        if (body.Redact?.Length > max.RedactionsMax)
        {
            throw Refuse($"redact holds at most {max.RedactionsMax} rules.");
        }
        if (body.Redact?.Select(Flaw).FirstOrDefault(flaw => flaw is not null) is { } wrong)
        {
            throw Refuse(wrong);
        }
        if (body.CacheSeconds is <= 0 or > CacheSecondsMax)
        {
            throw Refuse($"cacheSeconds lies between 1 and {CacheSecondsMax}.");
        }
        if ((body.KeepTexts || body.CacheSeconds is not null) && master.Key is null)
        {
            throw Refuse($"Texts are kept sealed only. {new ServiceDefaults.Vault.VaultLockedException().Message}", StatusCodes.Status503ServiceUnavailable);
        }
        var all = await policies.All(ct);
        var exists = all.Any(one => one.Name == name);
        if (!exists && all.Count >= max.PoliciesMax)
        {
            throw Refuse($"There are {all.Count} policies already (ModelFabric:Policies:PoliciesMax). Remove one.", StatusCodes.Status409Conflict);
        }
        var policy = new CallPolicy(name, body.Principal, body.Models, body.Hosts, body.Redact, body.AlsoOnThisMachine, body.KeepTexts, body.CacheSeconds, body.Media);
        await policies.Set(policy, http.User.Identity!.Name!, ct);
        return exists ? Results.Ok(policy) : Results.Created($"/admin/policies/{name}", policy);
    }

    /// <summary>JSON, or YAML where the content type says so: policies are written and kept as files.</summary>
    public static async ValueTask<PutPolicy?> BindAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var text = await reader.ReadToEndAsync(http.RequestAborted);
        try
        {
            var read = http.Request.ContentType?.Contains("yaml", StringComparison.OrdinalIgnoreCase) == true
                ? YamlToJson.Read(text, "policy").Deserialize<PutPolicy>(ContractJson.Options)
                : JsonSerializer.Deserialize<PutPolicy>(text, ContractJson.Options);
            return read ?? throw Refuse("A policy is an object, as in README.md of ModelFabric.");
        }
        catch (Exception unread) when (unread is JsonException or InvalidYamlException)
        {
            throw Refuse($"The policy cannot be read: {unread.Message}");
        }
    }

    private static string? Flaw(RedactionRule? rule)
    {
        if (rule?.Name is null || !CallPolicy.NamePattern().IsMatch(rule.Name) || rule.Pattern is not { Length: > 0 and <= PatternLengthMax })
        {
            return $"Each of redact has a name of lower-case letters, digits and dashes, and a pattern of 1 to {PatternLengthMax} characters.";
        }
        try
        {
            return RedactTexts.Compile(rule).IsMatch("") ? $"The pattern of '{rule.Name}' fits a text of no length, and so everywhere." : null;
        }
        catch (Exception unfit) when (unfit is ArgumentException or NotSupportedException)
        {
            return $"The pattern of '{rule.Name}' cannot be used: {unfit.Message}";
        }
    }

    internal static ProblemException Refuse(string why, int status = StatusCodes.Status400BadRequest) => new(status, "policy-refused", why);
}

/// <summary><c>GET</c> and <c>DELETE /admin/policies[/{name}]</c>.</summary>
public static class ListPolicies
{
    public static async Task<IResult> All(ISettingStore<CallPolicy> policies, CancellationToken ct) => Results.Ok(new { policies = await policies.All(ct) });

    public static async Task<IResult> One(string name, ISettingStore<CallPolicy> policies, CancellationToken ct) =>
        (await policies.All(ct)).FirstOrDefault(one => one.Name == name) is { } policy ? Results.Ok(policy) : throw Unknown(name);

    public static async Task<IResult> Remove(string name, HttpContext http, ISettingStore<CallPolicy> policies, CancellationToken ct) =>
        await policies.Remove(name, http.User.Identity!.Name!, ct) ? Results.NoContent() : throw Unknown(name);

    private static ProblemException Unknown(string name) => ProblemException.NotFound("policy", name.Length <= 100 ? name : name[..100]);
}
