using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Tests.Streams;

/// <summary>Streams as earlier versions stored them, folded by today's code. A recorded file is never changed; a new shape gets a new file beside it.</summary>
public sealed class RecordedStreamsTests
{
    private static readonly EventTypes Types = EventTypes.Of(typeof(RunEvent), typeof(AttemptEvent));

    public static TheoryData<string> Runs => [.. Files("run-*.json")];

    public static TheoryData<string> Attempts => [.. Files("attempt-*.json")];

    [Theory]
    [MemberData(nameof(Runs))]
    public void A_run_of_the_past_still_ends_in_the_state_it_ended_in(string file)
    {
        var ended = Assert.IsType<Run.Ended>(Read(file).Cast<RunEvent>().Aggregate(Run.Kind.Initial, Run.Kind.Evolve));

        Assert.Equal(ended.StateHash, StateHash.Of(ended));
        Assert.Equal(ended.Artifacts, RunViews.Product(ended));
    }

    [Theory]
    [MemberData(nameof(Attempts))]
    public void An_attempt_of_the_past_still_ends(string file)
    {
        var facts = Read(file).Cast<AttemptEvent>().ToList();
        var last = facts.Aggregate(Attempt.Kind.Initial, Attempt.Kind.Evolve);

        Assert.True(last is Attempt.Ended or Attempt.CalledOff);
        Assert.Equal(facts.OfType<AttemptEvent.AttemptEnded>().SingleOrDefault()?.Result, (last as Attempt.Ended)?.Result);
    }

    [Fact]
    public void Every_kind_of_event_stands_in_a_recorded_stream()
    {
        var recorded = Files("*.json").SelectMany(Read).Select(e => e.GetType()).ToHashSet();
        var all = new[] { typeof(RunEvent), typeof(AttemptEvent) }.SelectMany(list => list.GetNestedTypes(BindingFlags.Public)).Where(t => t.GetCustomAttribute<StoredAsAttribute>() is not null);

        Assert.Empty(all.Where(type => !recorded.Contains(type)).Select(type => type.Name));
    }

    private static IEnumerable<object> Read(string file)
    {
        using var stream = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder(), file)));
        return [.. stream.RootElement.EnumerateArray().Select(e => Types.Read(e.GetProperty("type").GetString()!, JsonSerializer.SerializeToUtf8Bytes(e.GetProperty("data"))))];
    }

    private static IEnumerable<string> Files(string pattern) => Directory.EnumerateFiles(Folder(), pattern).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal);

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
