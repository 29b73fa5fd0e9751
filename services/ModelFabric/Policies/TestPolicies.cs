using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ModelFabric.Policies;

/// <summary><c>POST /admin/policies/test</c>: what would become of a text on its way to a model off this machine. Nothing is sent, and the text is not kept.</summary>
/// <param name="Text">What would be asked.</param>
/// <param name="Model"><c>provider/model</c> or a route; every policy speaks when not said.</param>
/// <param name="Principal">Who would ask; the caller when not said.</param>
public sealed record TestPolicies(string Text, string? Model = null, string? Principal = null)
{
    private const int TextLengthMax = 1024 * 1024;

    public sealed record Found(string Policy, string Rule, int Count);

    public static async Task<IResult> Handle(TestPolicies body, HttpContext http, ISettingStore<CallPolicy> policies, CancellationToken ct)
    {
        if (body.Text is null || body.Text.Length > TextLengthMax)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "policy-refused", $"text is given and has at most {TextLengthMax} characters.");
        }
        var principal = body.Principal ?? http.User.Identity!.Name!;
        var fitting = (await policies.All(ct)).Where(policy => body.Model is null ? policy.Principal is null || policy.Principal == principal : policy.Fits(principal, body.Model)).ToArray();
        var (text, found) = (body.Text, new List<Found>());
        // In the order calls meet them; a rule of two policies works once.
        foreach (var (policy, rule) in fitting.SelectMany(policy => (policy.Redact ?? []).Select(rule => (policy, rule))).DistinctBy(one => one.rule))
        {
            (text, var count) = RedactTexts.Apply(text, rule);
            found.Add(new Found(policy.Name, rule.Name, count));
        }
        return Results.Ok(new { policies = fitting.Select(policy => policy.Name), text, found, media = fitting.All(policy => policy.AllowsMedia(isLocal: false)) });
    }
}
