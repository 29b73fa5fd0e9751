using System.Diagnostics;
using System.Globalization;
using static AgentPlatform.EscapeAttempts.Native;

namespace AgentPlatform.EscapeAttempts;

/// <summary>More of the machine than is given, and processes that stay. What they take, they hold for a while: a bound that comes too late is none.</summary>
internal static unsafe class Bombs
{
    private const long Mebi = 1024 * 1024;
    private static readonly TimeSpan Held = TimeSpan.FromSeconds(1.5);

    internal static readonly Attempt[] All =
    [
        Bomb("start-processes-without-end", _ =>
        {
            var started = new List<Process>();
            try
            {
                for (var i = 0; i < 100; i++) started.Add(Process.Start(new ProcessStartInfo("/bin/sleep", "30") { UseShellExecute = false })!);
            }
            finally
            {
                foreach (var process in started) process.Kill();
            }
        }),
        Bomb("start-threads-without-end", _ =>
        {
            using var over = new ManualResetEventSlim();
            for (var i = 0; i < 300; i++) new Thread(() => over.Wait(), 64 * 1024) { IsBackground = true }.Start();
            over.Set();
        }),
        Bomb("take-memory", _ => Take(shared: false)),
        Bomb("take-shared-memory", _ => Take(shared: true)),
        Bomb("take-memory-in-files-without-a-name", _ =>
        {
            using var name = new Text("bomb");
            for (var i = 0; i < 24; i++)
            {
                var fd = Sys("memfd_create", name, 0);
                Sys("fallocate", (nint)fd, 0, 0, (nint)(32 * Mebi));
            }
            Hold();
        }),
        Bomb("take-memory-in-many-processes", s =>
        {
            const string each = "awk 'BEGIN { s = \"x\"; while (length(s) < 60000000) s = s s; system(\"sleep 3\") }'";
            if (Script(s, $"i=0; while [ $i -lt 6 ]; do {each} & i=$((i+1)); done; wait; echo 1") != "1") throw new HeldException("it did not end well");
        }),
        Bomb("fill-the-disk-with-one-file", s => Fill(s.Inside("fill"), 50)),
        Bomb("fill-the-disk-with-an-allocated-file", s => { using var file = File.Create(s.Inside("allocated")); Sys("fallocate", file.SafeFileHandle.DangerousGetHandle(), 0, 0, (nint)(100 * Mebi)); }),
        Bomb("fill-the-disk-with-many-files", s =>
        {
            Directory.CreateDirectory(s.Inside("many"));
            for (var i = 0; i < 10; i++) Fill(s.Inside($"many/{i}"), 16);
            Hold();
        }),
        Bomb("fill-the-disk-with-deleted-files", s =>
        {
            var open = new List<FileStream>();
            for (var i = 0; i < 10; i++)
            {
                var path = s.Inside($"deleted-{i}");
                open.Add(new FileStream(path, FileMode.Create));
                File.Delete(path);
                for (var n = 0; n < 16; n++) open[^1].Write(new byte[Mebi]);
                open[^1].Flush();
            }
            Hold();
        }),
        Bomb("fill-the-disk-with-empty-files", s =>
        {
            Directory.CreateDirectory(s.Inside("empty"));
            for (var i = 0; i < 8_000; i++) File.Create(s.Inside($"empty/{i}")).Dispose();
            Hold();
        }),
        Bomb("open-files-without-end", _ =>
        {
            for (var i = 0; i < 2000; i++) Open("/dev/null", 0);
        }),
        Bomb("compute-without-end", _ =>
        {
            using var me = Process.GetCurrentProcess();
            for (me.Refresh(); me.TotalProcessorTime < TimeSpan.FromSeconds(3); me.Refresh()) Thread.SpinWait(1_000_000);
        }),

        // Each tells its number before the call ends: one that was killed before it was there would show nothing.
        Stays("stay-in-the-background", "sleep 1000 >/dev/null 2>&1 & echo $!"),
        Stays("stay-in-a-session-of-its-own", "echo $(setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1' &)", "setsid"),
        Stays("stay-without-a-parent-and-without-a-mark", "echo $(setsid env -i sh -c '(exec sh -c \"echo \\$\\$; exec sleep 1000 >/dev/null 2>&1\") & exit' &)", "setsid"),
        Stays("stay-and-ignore-signals", "echo $(setsid sh -c 'trap \"\" TERM HUP INT; echo $$; exec sleep 1000 >/dev/null 2>&1' &)", "setsid"),
        Stays("stay-in-a-process-group-of-its-own", "perl -e '$| = 1; $p = fork; if ($p) { sleep 1; exit } setpgrp; print \"$$\\n\"; exec \"sleep 1000 >/dev/null 2>&1\"'", "perl"),
        Stays("stay-holding-the-output-open", "rm -f told; mkfifo told; setsid sh -c 'echo $$ > told; exec sleep 1000' & read number < told; echo $number", "setsid"),
    ];

    private static Attempt Bomb(string name, Action<Stage> attempt) => new(name, Unconfined.AsTool, attempt, Alone: true);

    private static Attempt Stays(string name, string script, string? program = null) =>
        new(name, Unconfined.AsTool, s => Console.WriteLine($"left\t{Script(s, script)}"), Alone: true, Leaves: true, Where: program is null ? null : $"machines without {program}") { Script = _ => script };

    private static string Script(Stage stage, string script)
    {
        using var run = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]) { UseShellExecute = false, RedirectStandardOutput = true, WorkingDirectory = stage.Workspace })!;
        var line = run.StandardOutput.ReadLine();
        return int.TryParse(line, CultureInfo.InvariantCulture, out _) ? line : throw new HeldException($"it said '{line}'");
    }

    private static void Take(bool shared)
    {
        const long bytes = 768 * Mebi;
        var memory = (byte*)Sys("mmap", 0, (nint)bytes, 3, shared ? 0x21 : 0x22, -1, 0);
        for (long at = 0; at < bytes; at += 4096) memory[at] = 1;
        Hold();
    }

    private static void Fill(string path, int mebibytes)
    {
        using var file = File.Create(path);
        for (var i = 0; i < mebibytes; i++) file.Write(new byte[Mebi]);
    }

    private static void Hold()
    {
        var clock = Stopwatch.StartNew();
        using var over = new ManualResetEventSlim();
        while (clock.Elapsed < Held) over.Wait(Held);
    }
}
