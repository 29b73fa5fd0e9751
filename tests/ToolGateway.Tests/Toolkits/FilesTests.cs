using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

public sealed class FilesTests : IDisposable
{
    private readonly Bench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task A_written_file_is_read_back_in_parts()
    {
        await bench.Do("files.write", new { path = "a/b.txt", content = "one\ntwo\nthree\n" });
        var read = await bench.Do("files.read", new { path = "a/b.txt", offset = 2, limit = 1 });
        Assert.Equal("two\n", read.GetProperty("text").GetString());
        Assert.Equal(3, read.GetProperty("total_lines").GetInt32());
        Assert.True(read.GetProperty("more").GetBoolean());
    }

    [Fact]
    public async Task A_json_file_also_comes_parsed()
    {
        await bench.Put("a.json", "{\"x\": [1, 2]}");
        Assert.Equal(2, (await bench.Do("files.read", new { path = "a.json" })).GetProperty("json").GetProperty("x")[1].GetInt32());
    }

    [Fact]
    public async Task An_edit_wants_exactly_one_match_unless_told_all()
    {
        await bench.Put("a", "x y x");
        Assert.Contains("2 times", await bench.Fails("files.edit", new { path = "a", old = "x", @new = "z" }, FailureClass.Conflict), StringComparison.Ordinal);
        Assert.Equal(2, (await bench.Do("files.edit", new { path = "a", old = "x", @new = "z", all = true })).GetProperty("replaced").GetInt32());
        Assert.Equal("z y z", await bench.Text("a"));
        await bench.Fails("files.edit", new { path = "a", old = "absent", @new = "z" }, FailureClass.Conflict);
    }

    [Fact]
    public async Task A_search_names_file_and_line()
    {
        await bench.Put("x/a.txt", "alpha\nbeta 42\n");
        await bench.Put("x/b.bin", [0, 1, 2]);
        var found = await bench.Do("files.search", new { pattern = @"beta \d+", glob = "x/*" });
        var match = Assert.Single(found.GetProperty("matches").EnumerateArray());
        Assert.Equal(("x/a.txt", 2), (match.GetProperty("path").GetString(), match.GetProperty("line").GetInt32()));
        Assert.Equal(1, found.GetProperty("skipped").GetInt32());
    }

    [Fact]
    public async Task A_pattern_that_never_ends_is_stopped()
    {
        await bench.Put("a", new string('a', 60) + "!");
        await bench.Fails("files.search", new { pattern = "^(a+)+$" }, FailureClass.Timeout);
    }

    [Theory]
    [InlineData("""{"path": "a", "contents": "misspelt"}""")]
    [InlineData("""{"path": "a"}""")]
    [InlineData("""{"path": null, "content": ""}""")]
    [InlineData("""[]""")]
    [InlineData("""{"path": "../a", "content": ""}""")]
    public async Task Arguments_that_do_not_fit_come_back_as_a_failure(string arguments)
    {
        var output = await bench.Call("files.write", System.Text.Json.JsonDocument.Parse(arguments).RootElement);
        Assert.Equal(FailureClass.InvalidArguments, output.Failure?.Class);
    }

    [Fact]
    public async Task Deleting_and_reading_what_is_gone()
    {
        await bench.Put("a", "a");
        Assert.True((await bench.Do("files.delete", new { path = "a" })).GetProperty("deleted").GetBoolean());
        Assert.False((await bench.Do("files.delete", new { path = "a" })).GetProperty("deleted").GetBoolean());
        await bench.Fails("files.read", new { path = "a" }, FailureClass.NotFound);
    }

    [Fact]
    public void Every_tool_describes_itself_for_models_and_policy()
    {
        Assert.Equal(bench.Tools.Count, bench.Tools.Select(tool => tool.Spec.Id).Distinct().Count());
        Assert.All(bench.Tools, tool =>
        {
            Assert.Equal("object", tool.Spec.InputSchema.GetProperty("type").GetString());
            Assert.False(tool.Spec.InputSchema.GetProperty("additionalProperties").GetBoolean());
            Assert.True(tool.Spec.Description.Length > 40);
            Assert.False(tool.Spec is { ReadOnly: true, Destructive: true });
            Assert.Matches("^[a-z]+\\.[a-z0-9_]+@[0-9]+$", tool.Spec.Id);
        });
        var schema = bench.Tools.Single(tool => tool.Spec.FullName == "files.read").Spec.InputSchema;
        Assert.Equal(["path"], schema.GetProperty("required").EnumerateArray().Select(name => name.GetString()));
        Assert.Contains("workspace", schema.GetProperty("properties").GetProperty("path").GetProperty("description").GetString(), StringComparison.Ordinal);
    }
}
