using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Settings;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>One of the models a route may lead to.</summary>
/// <param name="Model"><c>provider/model</c>.</param>
/// <param name="Weight">Its share among the candidates of its tier.</param>
/// <param name="Tier">Lower ones come first; its place in the list when not said.</param>
public sealed record RouteCandidate(string Model, int Weight = 1, int? Tier = null);

/// <summary>A name that callers use as a model, and where it leads.</summary>
/// <param name="LocalOnly">No candidate off this machine is used, whatever happens to the others.</param>
/// <param name="InputPriceMax">The dearest question, per million tokens. A model whose price nobody said is too dear, unless it is local.</param>
/// <param name="OutputPriceMax">The dearest answer, per million tokens.</param>
/// <param name="FirstTokenWithinSeconds">A candidate that says nothing for so long is left for the next; the last one is waited for.</param>
/// <param name="HedgeAfterSeconds">When a candidate says nothing for so long the next is asked beside it; who begins first is heard. Both cost.</param>
public sealed partial record Route(
    string Name, RouteCandidate[] Candidates, bool LocalOnly = false, decimal? InputPriceMax = null, decimal? OutputPriceMax = null, double? FirstTokenWithinSeconds = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? HedgeAfterSeconds = null) : ISetting
{
    [GeneratedRegex("^[a-z0-9][a-z0-9.-]{0,39}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    public static partial Regex NamePattern();
}

/// <summary>What can happen to a route.</summary>
public abstract record RouteEvent
{
    private RouteEvent()
    {
    }

    [StoredAs("route-set.1")]
    public sealed record RouteSet(
        string Name, RouteCandidate[] Candidates, bool LocalOnly, decimal? InputPriceMax, decimal? OutputPriceMax, double? FirstTokenWithinSeconds, string By,
        double? HedgeAfterSeconds = null) : RouteEvent
    {
        public static RouteEvent From(Route route, string by) =>
            new RouteSet(route.Name, route.Candidates, route.LocalOnly, route.InputPriceMax, route.OutputPriceMax, route.FirstTokenWithinSeconds, by, route.HedgeAfterSeconds);

        public Route ToRoute() => new(Name, Candidates, LocalOnly, InputPriceMax, OutputPriceMax, FirstTokenWithinSeconds, HedgeAfterSeconds);
    }

    [StoredAs("route-removed.1")]
    public sealed record RouteRemoved(string Name, string By) : RouteEvent;
}

public static class RouteStreams
{
    public const string ViewKind = "routes";

    public static readonly StreamKind<SettingState<Route>, RouteEvent> Stream =
        new("route", new SettingState<Route>.Absent(Name: null), Evolve, SettingKind<Route, RouteEvent>.View(ViewKind));

    public static readonly SettingKind<Route, RouteEvent> Kind = new(ViewKind, Stream, RouteEvent.RouteSet.From, static (name, by) => new RouteEvent.RouteRemoved(name, by));

    public static SettingState<Route> Evolve(SettingState<Route> state, RouteEvent fact) => fact switch
    {
        RouteEvent.RouteSet f => new SettingState<Route>.Present(f.ToRoute()),
        RouteEvent.RouteRemoved f => new SettingState<Route>.Absent(f.Name),
        _ => state,
    };
}
