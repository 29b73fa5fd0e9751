using System.Text.Json;
using static AgentPlatform.Contracts.Tests.ContractJsonTests;

namespace AgentPlatform.Contracts.Tests;

public sealed class IdsTests
{
    private const string Text = "0199e0a4-0000-7000-8000-000000000001";

    [Fact]
    public void An_id_is_read_and_written_as_the_same_text()
    {
        Assert.Equal(Text, RunId.Parse(Text, null).ToString());
        Assert.Equal($"\"{Text}\"", Write(RunId.Parse(Text, null)));
        Assert.Equal(RunId.Parse(Text, null), Read<RunId>($"\"{Text}\""));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("run-1")]
    [InlineData("0199e0a4-0000-7000-8000-00000000000")]
    public void What_is_no_id_is_not_parsed(string? text) => Assert.False(RunId.TryParse(text, null, out _));

    [Theory]
    [InlineData("\"run-1\"")]
    [InlineData("7")]
    [InlineData("null")]
    public void What_is_no_id_in_json_is_refused_with_an_example(string json) =>
        Assert.Contains("A RunId is a UUID in a string, such as", Assert.Throws<JsonException>(() => Read<RunId>(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void An_id_can_name_a_property()
    {
        var map = new Dictionary<SessionId, int> { [SessionId.Parse(Text, null)] = 7 };

        Assert.Equal($$"""{"{{Text}}":7}""", Write(map));
        Assert.Equal(map, Read<Dictionary<SessionId, int>>(Write(map)));
    }

    [Fact]
    public void New_ids_are_in_the_order_of_time_and_of_version_7()
    {
        Assert.Equal(7, RunId.New().Value.Version);
        Assert.NotEqual(RequestId.New(), RequestId.New());
    }

    [Fact]
    public void A_derived_id_follows_from_its_words_and_nothing_else()
    {
        // Recorded: stored calls are found again by these ids, so they may never change.
        Assert.Equal("aae31028-557e-85c9-b025-e947c604bce9", DerivedId.Of("run", "task", "1").ToString());
        Assert.Equal(8, DerivedId.Of("run", "task", "1").Version);
    }

    [Fact]
    public void Words_do_not_run_together() => Assert.NotEqual(DerivedId.Of("ab", "c"), DerivedId.Of("a", "bc"));
}
