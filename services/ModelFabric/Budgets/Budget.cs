using System.Text.RegularExpressions;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Settings;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>A bound on what is spent.</summary>
/// <param name="Name">What a refusal calls it.</param>
/// <param name="Scope">Whose spending counts.</param>
/// <param name="Of">The one run, principal or provider it is for; null gives each of them a budget of its own.</param>
/// <param name="Window">For ever, or each day (UTC) anew.</param>
/// <param name="TokensMax">Questions and answers together; null for no bound.</param>
/// <param name="MoneyMax">By the prices of the models; null for no bound.</param>
public sealed partial record Budget(string Name, BudgetScope Scope, BudgetWindow Window, long? TokensMax = null, decimal? MoneyMax = null, string? Of = null) : ISetting
{
    /// <summary>The counter that a call of these falls to; null when the budget does not concern it.</summary>
    public string? Counter(string principal, string? run, string provider, DateTimeOffset at)
    {
        var whose = Scope switch
        {
            BudgetScope.Run => run,
            BudgetScope.Principal => principal,
            BudgetScope.Provider => provider,
            _ => "all",
        };
        return whose is null || (Of is not null && Of != whose) ? null : $"{Name}|{(Window == BudgetWindow.Day ? at.UtcDateTime.ToString("yyyy-MM-dd") : "total")}|{whose}";
    }

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,39}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    public static partial Regex NamePattern();
}

public enum BudgetScope
{
    All,
    Run,
    Principal,
    Provider,
}

public enum BudgetWindow
{
    Total,
    Day,
}

/// <summary>What can happen to a budget. What is spent of it is no fact of its own: the calls tell.</summary>
public abstract record BudgetEvent
{
    private BudgetEvent()
    {
    }

    [StoredAs("budget-set.1")]
    public sealed record BudgetSet(string Name, string Scope, string Window, long? TokensMax, decimal? MoneyMax, string? Of, string By) : BudgetEvent
    {
        public static BudgetEvent From(Budget budget, string by) => new BudgetSet(budget.Name, budget.Scope.ToString(), budget.Window.ToString(), budget.TokensMax, budget.MoneyMax, budget.Of, by);

        public Budget ToBudget() => new(Name, Enum.Parse<BudgetScope>(Scope), Enum.Parse<BudgetWindow>(Window), TokensMax, MoneyMax, Of);
    }

    [StoredAs("budget-removed.1")]
    public sealed record BudgetRemoved(string Name, string By) : BudgetEvent;
}

public static class BudgetStreams
{
    public const string ViewKind = "budgets";

    public static readonly StreamKind<SettingState<Budget>, BudgetEvent> Stream =
        new("budget", new SettingState<Budget>.Absent(Name: null), Evolve, SettingKind<Budget, BudgetEvent>.View(ViewKind));

    public static readonly SettingKind<Budget, BudgetEvent> Kind = new(ViewKind, Stream, BudgetEvent.BudgetSet.From, static (name, by) => new BudgetEvent.BudgetRemoved(name, by));

    public static SettingState<Budget> Evolve(SettingState<Budget> state, BudgetEvent fact) => fact switch
    {
        BudgetEvent.BudgetSet f => new SettingState<Budget>.Present(f.ToBudget()),
        BudgetEvent.BudgetRemoved f => new SettingState<Budget>.Absent(f.Name),
        _ => state,
    };
}
