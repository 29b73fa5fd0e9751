using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Invocations;
using static AgentPlatform.ToolGateway.Tests.Invocations.Story;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

public sealed class CallHashTests
{
    [Fact]
    public void The_order_of_members_says_nothing() => Assert.Equal(
        Of("""{"a":1,"b":{"c":[1,{"d":2,"e":3}],"f":null}}"""), Of("""{ "b": { "f": null, "c": [1, {"e":3,"d":2}] }, "a": 1 }"""));

    [Theory]
    [InlineData("""{"a":2}""")]
    [InlineData("""{"a":"1"}""")]
    [InlineData("""{"a":1,"b":null}""")]
    [InlineData("""{"A":1}""")]
    [InlineData("""{"a":[1]}""")]
    public void Other_arguments_are_another_call(string arguments) => Assert.NotEqual(Of("""{"a":1}"""), Of(arguments));

    [Fact]
    public void The_order_of_a_list_is_part_of_the_call() => Assert.NotEqual(Of("""{"a":[1,2]}"""), Of("""{"a":[2,1]}"""));

    [Fact]
    public void Another_tool_version_workspace_or_invocation_is_another_call()
    {
        var hashes = new[]
        {
            CallHash.Of("probe.run@1", Call), CallHash.Of("probe.run@2", Call), CallHash.Of("probe.run@1", Call with { Workspace = WorkspaceId.New() }),
            CallHash.Of("probe.run@1", Call with { Invocation = InvocationId.New() }),
        };

        Assert.Equal(hashes.Length, hashes.Distinct(StringComparer.Ordinal).Count());
    }

    private static string Of(string arguments) => CallHash.Of("probe.run@1", Call with { Arguments = Json(arguments) });
}
