using static AgentPlatform.EscapeAttempts.Native;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Files outside the workspace: changed, or read.</summary>
internal static unsafe class Files
{
    private const int WriteOnly = 1, ReadWrite = 2, Create = 0x40, Append = 0x400, PathOnly = 0x200000, RemoveFolder = 0x200;

    internal static readonly Attempt[] All =
    [
        New("write-a-new-file-outside", s => File.WriteAllText(s.Target("new-1"), "x")),
        New("overwrite-a-file-outside", s => File.WriteAllText(s.Target("overwrite-a-file-outside"), "x")),
        New("append-to-a-file-outside", s => Close(Open(s.Target("append-to-a-file-outside"), WriteOnly | Append))),
        New("open-a-file-outside-for-reading-and-writing", s => Close(Open(s.Target("open-a-file-outside-for-reading-and-writing"), ReadWrite))),
        New("truncate-a-file-outside", s => Path1("truncate", s.Target("truncate-a-file-outside"))),
        New("delete-a-file-outside", s => Path2("unlinkat", s.Target("delete-a-file-outside"))),
        New("rename-a-file-outside", s => Rename(s.Target("rename-a-file-outside"), s.Target("renamed"))),
        New("make-a-folder-outside", s => Path2("mkdirat", s.Target("folder"), 0x1FF)),
        New("remove-a-folder-outside", s => Path2("unlinkat", s.Target("remove-a-folder-outside.d"), RemoveFolder)),
        New("move-a-file-of-the-workspace-out", s => Rename(Made(s, "out-1"), s.Target("moved-out"))),
        New("move-a-file-into-the-workspace", s => Rename(s.Target("move-a-file-into-the-workspace"), s.Inside("moved-in"))),
        New("exchange-a-file-with-one-outside", s => Rename(Made(s, "out-2"), s.Target("exchange-a-file-with-one-outside"), flags: 2)),
        New("hard-link-a-file-into-the-workspace", s => Link(s.Target("hard-link-a-file-into-the-workspace"), s.Inside("hard"))),
        New("hard-link-a-file-of-the-workspace-out", s => Link(Made(s, "out-3"), s.Target("hard-out"))),
        New("make-a-symbolic-link-outside", s => Symlink("/etc/passwd", s.Target("link"))),
        New("write-through-a-symbolic-link", s => File.AppendAllText(Linked(s, "s1", s.Target("write-through-a-symbolic-link")), "x")),
        New("create-through-a-link-to-a-folder", s => File.WriteAllText(Path.Combine(Linked(s, "s2", s.Outside), "new-2"), "x")),
        New("create-through-a-chain-of-links", s => File.WriteAllText(Path.Combine(Linked(s, "s4", Linked(s, "s3", s.Outside)), "new-3"), "x")),
        New("make-a-named-pipe-outside", s => Path2("mknodat", s.Target("fifo"), 0x1000 | 0x1B6)),
        New("make-a-socket-file-outside", s => Path2("mknodat", s.Target("socket"), 0xC000 | 0x1B6)),
        New("write-a-file-in-shared-memory", s => MadeAndRemoved($"/dev/shm/escape-{Environment.ProcessId}")),
        New("write-a-file-in-tmp", s => MadeAndRemoved($"/tmp/escape-{Environment.ProcessId}")),
        New("write-a-file-in-var-tmp", s => MadeAndRemoved($"/var/tmp/escape-{Environment.ProcessId}")),
        New("change-attributes-of-a-file-outside", s => Attribute("setxattr", s.Target("change-attributes-of-a-file-outside")), where: "file systems without user attributes"),
        New("change-attributes-of-a-folder-outside", s => Attribute("lsetxattr", s.Outside), where: "file systems without user attributes"),
        New("change-the-mode-of-a-file-outside", s => Path2("fchmodat", s.Target("change-the-mode-of-a-file-outside"), 0x1FF), Unconfined.AsRoot) with { OnlyByIdentity = true },
        New("take-a-file-outside", s => Path2("fchownat", s.Target("take-a-file-outside"), 1, 1), Unconfined.AsRoot),
        New("give-a-file-of-the-workspace-to-root", s => Path2("fchownat", Made(s, "out-4"), 0, 0), Unconfined.AsRoot),
        New("make-a-block-device", s => Path2("mknodat", Fresh(s.Inside("disk")), 0x6000 | 0x180, 0xFE00), Unconfined.AsRoot),
        New("make-a-memory-device", s => Path2("mknodat", Fresh(s.Inside("memory")), 0x2000 | 0x180, 0x101), Unconfined.AsRoot),
        New("win-a-race-between-a-folder-and-a-link", Race),

        New("read-a-secret", s => s.Leaked(File.ReadAllText(s.Secret))),
        New("read-a-secret-by-dots", s => s.Leaked(Plainly(Path.Combine(s.Workspace, Dots(s))))),
        New("read-a-secret-through-a-symbolic-link", s => s.Leaked(File.ReadAllText(Linked(s, "s5", s.Secret)))),
        New("read-a-secret-through-a-link-to-the-root", s => s.Leaked(File.ReadAllText(Linked(s, "s6", "/") + s.Secret))),
        New("read-a-secret-by-proc-self-root", s => s.Leaked(File.ReadAllText("/proc/self/root" + s.Secret))),
        New("read-a-secret-by-proc-self-cwd", s => s.Leaked(Plainly("/proc/self/cwd/" + Path.GetRelativePath(Environment.CurrentDirectory, s.Secret)))),
        New("read-a-secret-by-reopening-a-path-descriptor", s => s.Leaked(File.ReadAllText($"/proc/self/fd/{Open(s.Secret, PathOnly)}"))),
        New("read-a-secret-by-hard-link", s => { Link(s.Secret, s.Inside("hard-secret")); s.Leaked(File.ReadAllText(s.Inside("hard-secret"))); }, Unconfined.AsRoot),
        New("read-a-key-in-a-home", s => s.Leaked(File.ReadAllText(Path.Combine(s.Home, ".ssh/id_ed25519")))),
        New("read-the-master-key-of-the-platform", s => s.Leaked(File.ReadAllText(Path.Combine(s.Data, "keys/master.key")))),
        New("list-a-folder-outside", s => Seen(Directory.GetFileSystemEntries(s.Outside))),
        New("list-tmp", s => Seen(Directory.GetFileSystemEntries("/tmp"))),
        New("read-the-password-hashes", s => Seen(File.ReadAllLines("/etc/shadow")), Unconfined.AsRoot),
        New("read-a-disk", s => Close(Open(Directory.GetFiles("/dev").First(f => Path.GetFileName(f) is "vda" or "sda" or "nvme0n1" or "xvda" or "loop0"), 0)), Unconfined.AsRoot, "machines without a disk device"),
        New("read-the-kernel-log", s => Close(Open("/dev/kmsg", 0)), Unconfined.AsRoot, "machines without /dev/kmsg"),
        New("read-a-secret-by-file-handle", ByHandle, Unconfined.AsRoot, "file systems without handles"),
        New("take-the-handle-of-a-file", s => _ = Handle(s, stackalloc int[40]), where: "file systems without handles"),
        New("run-a-program-outside", RunOutside),
    ];

    private static Attempt New(string name, Action<Stage> attempt, Unconfined by = Unconfined.AsTool, string? where = null) => new(name, by, attempt, Where: where);

    private static void Seen(string[] entries)
    {
        if (entries.Length == 0) throw new HeldException("nothing was there");
    }

    // Run twice, once confined and once not: what the first left must not stand in the way of the second.
    private static string Fresh(string path)
    {
        File.Delete(path);
        return path;
    }

    private static string Made(Stage stage, string name)
    {
        File.WriteAllText(Fresh(stage.Inside(name)), "mine");
        return stage.Inside(name);
    }

    private static string Linked(Stage stage, string name, string target)
    {
        Symlink(target, Fresh(stage.Inside(name)));
        return stage.Inside(name);
    }

    private static string Dots(Stage stage) => Path.GetRelativePath(stage.Workspace, stage.Secret);

    // As the path is written; .NET would take the dots out before the kernel sees them.
    private static string Plainly(string path)
    {
        using var file = new StreamReader(new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle((nint)Open(path, 0), ownsHandle: true), FileAccess.Read));
        return file.ReadToEnd();
    }

    private static void MadeAndRemoved(string path)
    {
        Close(Open(path, WriteOnly | Create));
        File.Delete(path);
    }

    private static void Path1(string call, string path)
    {
        using var text = new Text(path);
        Sys(call, text);
    }

    private static void Path2(string call, string path, nint c = 0, nint d = 0)
    {
        using var text = new Text(path);
        Sys(call, Here, text, c, d);
    }

    private static void Rename(string from, string to, nint flags = 0)
    {
        using Text source = new(from), target = new(to);
        Sys("renameat2", Here, source, Here, target, flags);
    }

    private static void Link(string from, string to)
    {
        using Text source = new(from), target = new(Fresh(to));
        Sys("linkat", Here, source, Here, target, 0);
    }

    private static void Symlink(string target, string path)
    {
        using Text text = new(target), link = new(path);
        Sys("symlinkat", text, Here, link);
    }

    private static void Attribute(string call, string path)
    {
        using Text file = new(path), name = new("user.escape"), value = new("x");
        Sys(call, file, name, value, 1, 0);
    }

    // One thread turns a folder into a link and back, the other opens what lies in it.
    private static void Race(Stage stage)
    {
        var (flip, folder, link) = (stage.Inside("flip"), stage.Inside("flip-folder"), stage.Inside("flip-link"));
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, Path.GetFileName(stage.Secret)), "mine");
        Symlink(Path.GetDirectoryName(stage.Secret)!, Fresh(link));
        var over = false;
        var turning = new Thread(() =>
        {
            while (!Volatile.Read(ref over))
            {
                foreach (var one in (string[])[folder, link])
                {
                    using Text from = new(one), to = new(flip);
                    Try("renameat2", Here, from, Here, to);
                    Try("renameat2", Here, to, Here, from);
                }
            }
        });
        turning.Start();
        try
        {
            using var file = new Text(Path.Combine(flip, Path.GetFileName(stage.Secret)));
            var bytes = stackalloc byte[100];
            for (var i = 0; i < 20_000; i++)
            {
                var (fd, _) = Try("openat", Here, file, 0);
                if (fd < 0) continue;
                var (count, _) = Try("read", (nint)fd, (nint)bytes, 100);
                Close(fd);
                if (System.Text.Encoding.UTF8.GetString(bytes, (int)Math.Max(0, count)).Contains(stage.Canary, StringComparison.Ordinal)) return;
            }
        }
        finally
        {
            Volatile.Write(ref over, true);
            turning.Join();
        }
        throw new HeldException("20,000 tries read nothing");
    }

    private static int Handle(Stage stage, Span<int> handle)
    {
        handle[0] = 128;
        int mount;
        using var text = new Text(stage.Secret);
        fixed (int* start = handle) Sys("name_to_handle_at", Here, text, (nint)start, (nint)(&mount), 0);
        return mount;
    }

    private static void ByHandle(Stage stage)
    {
        Span<int> handle = stackalloc int[40];
        _ = Handle(stage, handle);
        var folder = Open(stage.Workspace, 0);
        fixed (int* start = handle)
        {
            var fd = Sys("open_by_handle_at", (nint)folder, (nint)start, 0);
            s_buffer = File.ReadAllText($"/proc/self/fd/{fd}");
        }
        stage.Leaked(s_buffer);
    }

    private static string s_buffer = "";

    private static void RunOutside(Stage stage)
    {
        using var run = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(Path.Combine(stage.Outside, "program")) { UseShellExecute = false, RedirectStandardOutput = true })!;
        stage.Leaked(run.StandardOutput.ReadToEnd());
    }
}
