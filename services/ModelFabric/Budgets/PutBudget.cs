using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>The body of <c>PUT /admin/budgets/{name}</c>; what each means stands at <see cref="Budget"/>.</summary>
public sealed record PutBudget(BudgetScope Scope, BudgetWindow Window, long? TokensMax = null, decimal? MoneyMax = null, string? Of = null)
{
    private const decimal MoneyLargest = 1_000_000_000m;
    private const int OfLengthMax = 255;

    public static async Task<IResult> Handle(string name, PutBudget body, HttpContext http, ISettingStore<Budget> budgets, IOptions<ModelFabricOptions> options, CancellationToken ct)
    {
        if (!Budget.NamePattern().IsMatch(name))
        {
            throw Refuse("A budget's name is up to 40 lower-case letters, digits and dashes.");
        }
        if (body.TokensMax is null && body.MoneyMax is null || body.TokensMax is < 0 || body.MoneyMax is < 0 or > MoneyLargest)
        {
            throw Refuse("A budget has tokensMax, moneyMax or both, and neither is negative.");
        }
        if (body.Of is { } of && (body.Scope == BudgetScope.All || of.Length is 0 or > OfLengthMax || of.Any(char.IsControl)))
        {
            throw Refuse($"of names one run, principal or provider, in at most {OfLengthMax} characters; a budget over all has none.");
        }
        var all = await budgets.All(ct);
        var exists = all.Any(one => one.Name == name);
        if (!exists && all.Count >= options.Value.Budgets.BudgetsMax)
        {
            throw Refuse($"There are {all.Count} budgets already (ModelFabric:Budgets:BudgetsMax). Remove one.", StatusCodes.Status409Conflict);
        }
        var budget = new Budget(name, body.Scope, body.Window, body.TokensMax, body.MoneyMax, body.Of);
        await budgets.Set(budget, http.User.Identity!.Name!, ct);
        return exists ? Results.Ok(budget) : Results.Created($"/admin/budgets/{name}", budget);
    }

    internal static ProblemException Refuse(string why, int status = StatusCodes.Status400BadRequest) => new(status, "budget-refused", why);
}

/// <summary><c>DELETE /admin/budgets/{name}</c>. What was spent stays on its counters: a budget set again under the name goes on where it was.</summary>
public static class RemoveBudget
{
    public static async Task<IResult> Handle(string name, HttpContext http, ISettingStore<Budget> budgets, CancellationToken ct) =>
        await budgets.Remove(name, http.User.Identity!.Name!, ct) ? Results.NoContent() : throw ProblemException.NotFound("budget", name.Length <= 100 ? name : name[..100]);
}
