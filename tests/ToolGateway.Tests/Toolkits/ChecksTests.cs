using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

public sealed class ChecksTests : IDisposable
{
    private readonly Bench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task Checks_that_hold_come_back_with_hashed_files()
    {
        await bench.Put("a.json", "{\"t\": {\"x\": [1, 2.5]}}");
        var hash = (await bench.Workspace.Hash("a.json")).Sha256;
        var output = await bench.Call("checks.verify", new
        {
            checks = new object[]
            {
                new { file_exists = new { path = "a.json", min_bytes = 5 } },
                new { file_contains = new { path = "a.json", regex = "2\\.\\d" } },
                new { json_value = new { path = "a.json", pointer = "/t/x/1", equals = 2.49, tolerance = 0.02 } },
                new { sha256 = new { path = "a.json", equals = hash } },
            },
        });
        Assert.Null(output.Failure);
        Assert.Equal(hash, Assert.Single(output.Artifacts).Sha256);
    }

    [Fact]
    public async Task Each_kind_fails_with_evidence()
    {
        await bench.Put("a.json", "{\"x\": 1}");
        await bench.Put("empty", "");
        var output = await bench.Call("checks.verify", new
        {
            checks = new object[]
            {
                new { file_exists = new { path = "missing" } },
                new { file_exists = new { path = "empty", min_bytes = 1 } },
                new { file_contains = new { path = "a.json", text = "y" } },
                new { json_value = new { path = "a.json", pointer = "/x", equals = 2 } },
                new { json_value = new { path = "a.json", pointer = "/none", equals = 2 } },
                new { json_value = new { path = "empty", pointer = "/x", equals = 2 } },
                new { sha256 = new { path = "a.json", equals = "00" } },
                new { xlsx_cell = new { path = "a.json", cell = "A1", equals = 1 } },
                new { file_exists = new { path = "a.json" } },
            },
        });
        Assert.Equal(FailureClass.CheckFailed, output.Failure?.Class);
        var checks = output.Content.GetProperty("checks").EnumerateArray().ToList();
        Assert.Equal([false, false, false, false, false, false, false, false, true], checks.Select(check => check.GetProperty("passed").GetBoolean()));
        Assert.All(checks, check => Assert.NotEqual("", check.GetProperty("evidence").GetString()));
    }

    [Fact]
    public async Task A_check_of_two_kinds_or_none_is_not_a_check()
    {
        await bench.Fails("checks.verify", new { checks = new object[] { new { } } }, FailureClass.InvalidArguments);
        await bench.Fails("checks.verify", new { checks = new object[] { new { file_exists = new { path = "a" }, sha256 = new { path = "a", equals = "" } } } }, FailureClass.InvalidArguments);
        await bench.Fails("checks.verify", new { checks = new object[] { new { file_exists = new { path = "../a" } } } }, FailureClass.InvalidArguments);
    }
}
