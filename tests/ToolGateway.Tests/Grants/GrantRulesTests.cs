using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Tests.Invocations;

namespace AgentPlatform.ToolGateway.Tests.Grants;

public sealed class GrantRulesTests
{
    [Theory]
    [InlineData("""{"path":"out/a.md"}""", true)]
    [InlineData("""{"path":"./out/deep/a.md"}""", true)]
    [InlineData("""{"path":"out/../secret"}""", false)]
    [InlineData("""{"path":"outside/a.md"}""", false)]
    [InlineData("""{"from":"out/a.md","to":"elsewhere"}""", false)]
    [InlineData("""{"path":"out/a\n/etc/passwd"}""", false)]
    [InlineData("{}", false)]
    public void A_grant_for_paths_is_good_only_when_nothing_lies_outside_it(string arguments, bool good) =>
        Assert.Equal(good, new GrantScope(["*"], Paths: ["out/**"]).IsGoodFor(Call(arguments), run: null, task: null));

    [Theory]
    [InlineData("""{"url":"https://api.example.org/x"}""", true)]
    [InlineData("""{"url":"https://API.example.org:8443/x"}""", true)]
    [InlineData("""{"url":"https://api.example.org@evil.example/x"}""", false)]
    [InlineData("""{"url":"https://api.example.org/","callback":"https://evil.example/"}""", false)]
    [InlineData("""{"host":"evil.example"}""", false)]
    [InlineData("""{"text":"no address"}""", false)]
    public void A_grant_for_hosts_is_good_only_when_every_address_is_there(string arguments, bool good) =>
        Assert.Equal(good, new GrantScope(["*"], Hosts: ["*.example.org"]).IsGoodFor(Call(arguments), run: null, task: null));

    [Fact]
    public void A_grant_is_bound_to_tool_role_principal_run_and_task_and_says_so_when_it_is_good_for_tainted_calls()
    {
        var run = RunId.New();
        var scope = new GrantScope(["probe.*"], ["run/*"], ["developer"], run, "write");
        var call = Call("{}");

        Assert.True(scope.IsGoodFor(call, run, "write"));
        Assert.False(scope.IsGoodFor(call with { Tool = "other.run" }, run, "write"));
        Assert.False(scope.IsGoodFor(call with { Role = "browser" }, run, "write"));
        Assert.False(scope.IsGoodFor(call with { Principal = "ann" }, run, "write"));
        Assert.False(scope.IsGoodFor(call, RunId.New(), "write"));
        Assert.False(scope.IsGoodFor(call, run, "read"));
        Assert.False(scope.IsGoodFor(call with { Tainted = true }, run, "write"));
        Assert.True((scope with { Tainted = true }).IsGoodFor(call with { Tainted = true }, run, "write"));
    }

    public static TheoryData<GrantScope, string?> Parts => new()
    {
        { new GrantScope(["files.read"], Roles: ["developer"], Paths: ["out/**"]), null },
        { new GrantScope(["files.*"], Roles: ["developer"], Paths: ["out/**"]), null },
        { new GrantScope(["*"], Roles: ["developer"], Paths: ["out/**"]), "tools" },
        { new GrantScope(["files.read", "shell.run"], Roles: ["developer"], Paths: ["out/**"]), "tools" },
        { new GrantScope(["files.read"], Paths: ["out/**"]), "roles" },
        { new GrantScope(["files.read"], Roles: ["developer"]), "paths" },
        { new GrantScope(["files.read"], Roles: ["developer"], Paths: ["**"]), "paths" },
        { new GrantScope(["files.read"], Roles: ["developer"], Paths: ["out/**"], Tainted: true), "tainted" },
    };

    [Theory]
    [MemberData(nameof(Parts))]
    public void A_part_is_never_wider_than_the_whole(GrantScope part, string? wider) =>
        Assert.Equal(wider, GrantRules.Wider(part, new GrantScope(["files.*"], Roles: ["developer"], Paths: ["out/**"])));

    private static PolicyCall Call(string arguments) => new("probe.run", [], Story.Json(arguments), "developer", "run/1", Tainted: false, Story.Noon);
}
