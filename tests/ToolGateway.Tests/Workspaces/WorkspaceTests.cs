using System.Diagnostics;
using System.Text;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Tests.Workspaces;

public sealed class WorkspaceTests : IDisposable
{
    private readonly TestFolder folder = new();
    private readonly Workspace workspace;

    public WorkspaceTests() => workspace = Workspace.Open(folder.Of("workspace"), new WorkspaceOptions { FileBytesMax = 1000 });

    public void Dispose()
    {
        workspace.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("../outside")]
    [InlineData("a/../../outside")]
    [InlineData("a\0b")]
    [InlineData(".")]
    [InlineData(".scratch/x")]
    public void A_path_that_could_lead_out_is_refused_by_its_text(string path) =>
        Assert.Equal(RefusalKind.InvalidPath, Assert.Throws<WorkspaceRefusedException>(() => workspace.OpenRead(path)).Kind);

    [Fact]
    public void An_overlong_path_is_refused() =>
        Assert.Equal(RefusalKind.InvalidPath, Assert.Throws<WorkspaceRefusedException>(() => workspace.OpenRead(new string('a', 300))).Kind);

    [Fact]
    public async Task A_link_that_leads_out_is_refused_for_reading_writing_and_deleting()
    {
        var outside = folder.Of("outside");
        Directory.CreateDirectory(outside);
        File.WriteAllText(Path.Combine(outside, "secret"), "secret");
        File.CreateSymbolicLink(Path.Combine(workspace.Root, "file"), Path.Combine(outside, "secret"));
        Directory.CreateSymbolicLink(Path.Combine(workspace.Root, "folder"), outside);

        Assert.Equal(RefusalKind.Escapes, Assert.Throws<WorkspaceRefusedException>(() => workspace.OpenRead("file")).Kind);
        Assert.Equal(RefusalKind.Escapes, Assert.Throws<WorkspaceRefusedException>(() => workspace.OpenRead("folder/secret")).Kind);
        Assert.Equal(RefusalKind.Escapes, (await Assert.ThrowsAsync<WorkspaceRefusedException>(() => workspace.WriteText("folder/new", "x", default))).Kind);
        Assert.Equal(RefusalKind.Escapes, Assert.Throws<WorkspaceRefusedException>(() => workspace.Delete("folder/secret")).Kind);

        await workspace.WriteText("file", "mine", default); // Replaces the link, not what it pointed to.
        Assert.Equal("secret", File.ReadAllText(Path.Combine(outside, "secret")));
        Assert.Equal(["secret"], Directory.GetFiles(outside).Select(Path.GetFileName));
        Assert.Equal("mine", await workspace.ReadText("file", 100, default));
    }

    [Fact]
    public async Task A_link_that_stays_inside_is_followed()
    {
        await workspace.WriteText("data/a.txt", "hello", default);
        File.CreateSymbolicLink(Path.Combine(workspace.Root, "short"), "data/a.txt");
        Assert.Equal("hello", await workspace.ReadText("short", 100, default));
    }

    [Fact]
    public async Task A_failed_write_leaves_the_old_file_and_nothing_beside_it()
    {
        await workspace.WriteText("a.txt", "old", default);
        await Assert.ThrowsAsync<WorkspaceRefusedException>(() => workspace.WriteText("a.txt", new string('x', 1001), default));
        await Assert.ThrowsAsync<InvalidOperationException>(() => workspace.WriteAtomic("a.txt", _ => throw new InvalidOperationException("crash")));
        Assert.Equal("old", await workspace.ReadText("a.txt", 100, default));
        Assert.Equal(["a.txt"], Directory.GetFileSystemEntries(workspace.Root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Writing_reports_the_hash_that_hashing_finds()
    {
        var written = await workspace.WriteAtomic("deep/er/a.bin", stream => stream.WriteAsync(Encoding.UTF8.GetBytes("abc")).AsTask());
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", written.Sha256);
        Assert.Equal(written, await workspace.Hash("deep/er/a.bin"));
    }

    [Fact]
    public void A_pipe_left_by_a_tool_does_not_hold_the_reader()
    {
        Process.Start("mkfifo", [Path.Combine(workspace.Root, "pipe")]).WaitForExit();
        Assert.Equal(RefusalKind.NotAFile, Assert.Throws<WorkspaceRefusedException>(() => workspace.OpenRead("pipe")).Kind);
    }

    [Fact]
    public void A_file_over_the_bound_is_refused()
    {
        File.WriteAllText(Path.Combine(workspace.Root, "big"), new string('x', 1001));
        Assert.Equal(RefusalKind.TooLarge, Assert.Throws<WorkspaceRefusedException>(() => workspace.OpenRead("big")).Kind);
    }

    [Fact]
    public async Task A_listing_is_ordered_bounded_and_skips_links()
    {
        foreach (var name in (string[])["b.md", "a.md", "x/c.md", "x/y/d.md", "x/e.txt"]) await workspace.WriteText(name, name, default);
        Directory.CreateSymbolicLink(Path.Combine(workspace.Root, "loop"), workspace.Root);

        var all = workspace.List("**/*.md", 3);
        Assert.Equal(["a.md", "b.md", "x/c.md"], all.Files.Select(file => file.Path));
        Assert.Equal(4, all.Total);
        Assert.Equal(["x/e.txt"], workspace.List("x/*.txt", 10).Files.Select(file => file.Path));
        Assert.Throws<WorkspaceRefusedException>(() => workspace.List("../**", 10));
    }

    [Fact]
    public async Task Deleting_twice_is_not_an_error()
    {
        await workspace.WriteText("a", "a", default);
        Assert.True(workspace.Delete("a"));
        Assert.False(workspace.Delete("a"));
        Assert.False(workspace.Delete("no/such/folder/a"));
    }

    [Fact]
    public void The_same_folder_keeps_its_owner()
    {
        using var again = Workspace.Open(workspace.Root);
        Assert.Equal(workspace.Owner, again.Owner);
    }
}
