using System.Text.Json;
using System.Text.Json.Serialization;
using AgentPlatform.EventStore;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>What can happen to a provider. A key is no fact: it lies sealed beside the stream and vanishes when it is removed.</summary>
public abstract record ProviderEvent
{
    private ProviderEvent()
    {
    }

    [StoredAs("provider-set.1")]
    public sealed record ProviderSet(string Name, string Kind, string BaseUrl, string[] Models, bool AllowRemote, string? KeyFingerprint, string By, string? Preset = null,
        ModelCard[]? Cards = null, int? ConcurrentCallsMax = null, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? CallsPerMinuteMax = null) : ProviderEvent;

    [StoredAs("provider-principal-key-set.1")]
    public sealed record PrincipalKeySet(string Name, string Principal, string KeyFingerprint, string By) : ProviderEvent;

    [StoredAs("provider-principal-key-removed.1")]
    public sealed record PrincipalKeyRemoved(string Name, string Principal, string By) : ProviderEvent;

    [StoredAs("provider-removed.1")]
    public sealed record ProviderRemoved(string Name, string By) : ProviderEvent;
}

/// <summary>A provider as its stream tells it.</summary>
public abstract record ProviderState
{
    private ProviderState()
    {
    }

    public sealed record Absent(string? Name) : ProviderState;

    public sealed record Present(
        string Name, string Kind, string BaseUrl, string[] Models, bool AllowRemote, string? KeyFingerprint = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Preset = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ModelCard[]? Cards = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? ConcurrentCallsMax = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? CallsPerMinuteMax = null) : ProviderState
    {
        /// <summary>Fingerprints of principals' own keys, by principal. Not part of what <c>PUT</c> sets, and so not of what it compares.</summary>
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public SortedDictionary<string, string>? PrincipalKeys { get; init; }

        public bool Equals(Present? other) => other is not null && (Name, Kind, BaseUrl, AllowRemote, KeyFingerprint, Preset, ConcurrentCallsMax, CallsPerMinuteMax) ==
            (other.Name, other.Kind, other.BaseUrl, other.AllowRemote, other.KeyFingerprint, other.Preset, other.ConcurrentCallsMax, other.CallsPerMinuteMax)
            && Models.AsSpan().SequenceEqual(other.Models) && JsonSerializer.Serialize(Cards) == JsonSerializer.Serialize(other.Cards);

        public override int GetHashCode() => HashCode.Combine(Name, BaseUrl);
    }

    public const string ViewKind = "providers";
    public const string PresentTag = "present";

    public static readonly StreamKind<ProviderState, ProviderEvent> Stream = new("provider", new Absent(Name: null), Evolve, View);

    public static ProviderState Evolve(ProviderState state, ProviderEvent fact) => fact switch
    {
        ProviderEvent.ProviderSet f => new Present(f.Name, f.Kind, f.BaseUrl, f.Models, f.AllowRemote, f.KeyFingerprint, f.Preset, f.Cards, f.ConcurrentCallsMax, f.CallsPerMinuteMax)
        {
            PrincipalKeys = (state as Present)?.PrincipalKeys,
        },
        ProviderEvent.PrincipalKeySet f when state is Present present => present with { PrincipalKeys = With(present.PrincipalKeys, f.Principal, f.KeyFingerprint) },
        ProviderEvent.PrincipalKeyRemoved f when state is Present present => present with { PrincipalKeys = With(present.PrincipalKeys, f.Principal, fingerprint: null) },
        ProviderEvent.ProviderRemoved f => new Absent(f.Name),
        _ => state,
    };

    private static SortedDictionary<string, string>? With(SortedDictionary<string, string>? keys, string principal, string? fingerprint)
    {
        var changed = new SortedDictionary<string, string>(keys ?? [], StringComparer.Ordinal);
        if (fingerprint is null)
        {
            changed.Remove(principal);
        }
        else
        {
            changed[principal] = fingerprint;
        }
        return changed.Count == 0 ? null : changed;
    }

    // A removed provider keeps its row under another tag: views are written over, not deleted.
    private static ViewRow? View(ProviderState state) => state switch
    {
        Present present => new ViewRow(ViewKind, present.Name, present.Name, PresentTag, present),
        Absent { Name: { } name } => new ViewRow(ViewKind, name, name, "removed", new { name }),
        _ => null,
    };
}
