using System.Text.Json;

namespace AgentPlatform.Contracts.Tests;

public sealed class ContractJsonTests
{
    [Fact]
    public void An_unknown_word_of_an_enumeration_is_refused() => Refused<DecideRequest>("""{"decision":"maybe"}""");

    [Fact]
    public void A_number_is_no_word() => Refused<DecideRequest>("""{"decision":0}""");

    [Fact]
    public void What_is_required_must_be_there() =>
        Assert.Contains("reason", Refused<WithdrawRequest>("""{"request":"0199e0a4-0000-7000-8000-000000000004"}""").Message, StringComparison.Ordinal);

    [Fact]
    public void A_number_in_a_string_is_refused() => Refused<WorkspaceFile>("""{"path":"a","bytes":"12"}""");

    [Fact]
    public void What_may_be_null_may_be_absent() => Assert.Null(Read<RunSummary>(
        """{"id":"0199e0a4-0000-7000-8000-000000000001","name":"p","status":"running","startedAt":"2026-01-15T12:00:00Z","tasksDone":0,"tasksTotal":1}""").EndedAt);

    [Fact]
    public void Null_is_written_by_leaving_it_out() => Assert.Equal("""{"decision":"approve"}""", Write(new DecideRequest(Decision.Approve)));

    [Fact]
    public void A_property_that_a_newer_version_added_is_ignored() => Assert.Equal(7, Read<WorkspaceFile>("""{"path":"a","bytes":7,"colour":"red"}""").Bytes);

    [Fact]
    public void Words_are_snake_case() => Assert.Equal("\"needs_reconcile\"", Write(ToolOutcomeStatus.NeedsReconcile));

    [Fact]
    public void Text_is_written_readable() => Assert.Equal("\"a → b & 'ü'\"", Write("a → b & 'ü'"));

    [Fact]
    public void The_options_cannot_be_changed_behind_everybodys_back() => Assert.True(ContractJson.Options.IsReadOnly);

    internal static string Write<T>(T value) => JsonSerializer.Serialize(value, ContractJson.Options);

    internal static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, ContractJson.Options)!;

    private static JsonException Refused<T>(string json) => Assert.Throws<JsonException>(() => Read<T>(json));
}
