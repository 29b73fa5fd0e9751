using System.Runtime.CompilerServices;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;
using AgentPlatform.Testing.Streams;

namespace AgentPlatform.Orchestrator.Tests.Streams;

/// <summary>Runs and attempts of the past, folded by today's code. How to record: <see cref="RecordedStreams"/>.</summary>
public sealed class RecordedStreamsTests
{
    private static readonly RecordedStreams Recorded = new(EventTypes.Of(typeof(RunEvent), typeof(AttemptEvent)), Folder());

    public static TheoryData<string> Runs => [.. Recorded.Files("run-")];

    public static TheoryData<string> Attempts => [.. Recorded.Files("attempt-")];

    [Fact]
    public void Runs_and_attempts_of_the_past_fold_to_the_states_they_had() => Assert.Empty(Recorded.Changes(Run.Kind).Concat(Recorded.Changes(Attempt.Kind)));

    [Theory]
    [MemberData(nameof(Runs))]
    public void A_run_of_the_past_has_the_hash_and_the_artifacts_it_ended_with(string file)
    {
        var ended = Assert.IsType<Run.Ended>(Recorded.Read(file).Cast<RunEvent>().Aggregate(Run.Kind.Initial, Run.Kind.Evolve));

        Assert.Equal(ended.StateHash, StateHash.Of(ended));
        Assert.Equal(ended.Artifacts, RunViews.Product(ended));
    }

    [Theory]
    [MemberData(nameof(Attempts))]
    public void An_attempt_of_the_past_still_ends(string file)
    {
        var facts = Recorded.Read(file).Cast<AttemptEvent>().ToList();
        var last = facts.Aggregate(Attempt.Kind.Initial, Attempt.Kind.Evolve);

        Assert.True(last is Attempt.Ended or Attempt.CalledOff);
        Assert.Equal(facts.OfType<AttemptEvent.AttemptEnded>().SingleOrDefault()?.Result, (last as Attempt.Ended)?.Result);
    }

    [Fact]
    public void Every_kind_of_event_stands_in_a_recorded_stream_and_is_read_without_loss() => Assert.Empty(Recorded.Missing().Concat(Recorded.Losses()));

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
