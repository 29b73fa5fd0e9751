using System.Diagnostics;

namespace AgentPlatform.EscapeAttempts;

/// <summary>With nothing but what every system has: shells, interpreters, redirects, and places from which others start programs.</summary>
internal static class Commands
{
    internal static readonly Attempt[] All =
    [
        Reads("cat {0}"), Reads("cat < {0}"), Reads("sh {0}"), Reads(". {0}"), Reads("exec 5< {0}; cat <&5"), Reads("while read -r line; do echo $line; done < {0}"),
        Reads("cp {0} copied; cat copied"), Reads("dd if={0} 2>&1"), Reads("head -c 100 {0}"), Reads("tar -cf - {0} 2>&1", "tar"), Reads("awk '{{print}}' {0}", "awk"), Reads("sed -n p {0}", "sed"),
        Reads("grep . {0}", "grep"), Reads("find {0} -exec cat '{{}}' ';'", "find"), Reads("perl -pe 1 {0}", "perl"), Reads("python3 -c 'print(open(\"{0}\").read())'", "python3"),
        Reads("node -e 'console.log(require(\"fs\").readFileSync(\"{0}\",\"utf8\"))'", "node"), Reads("bash -c 'mapfile x < {0}; echo ${{x[@]}}'", "bash"), Reads("bash -c 'echo $(<{0})'", "bash"),
        Reads("diff -u /dev/null {0}", "diff"), Reads("git --no-pager diff --no-index /dev/null {0}", "git"), Reads("HOME={1} sh -c 'cat ~/.ssh/id_ed25519'"), Reads("cd {2} && cat *"), Reads("ENV={0} sh -i -c true 2>&1"),
        Reads("/lib64/ld-linux-x86-64.so.2 /bin/cat {0}", "/lib64/ld-linux-x86-64.so.2"),

        Writes("echo x > {0}"), Writes("echo x >> {0}"), Writes("exec 5<> {0}; echo x >&5"), Writes("echo x | tee {0}"), Writes("dd if=/dev/zero of={0} count=1 2>&1"), Writes("cp /etc/passwd {0}"),
        Writes("echo x > made; mv -f made {0}"), Writes("ln -sf {0} out; echo x > out"), Writes("sed -i s/./x/ {0}", "sed"), Writes("perl -e 'open F, \">\", \"{0}\"; print F 1'", "perl"),
        Writes("python3 -c 'open(\"{0}\",\"w\").write(\"x\")'", "python3"), Writes("node -e 'require(\"fs\").writeFileSync(\"{0}\",\"x\")'", "node"), Writes("tar -cf {0} /etc/passwd 2>&1", "tar"),
        Writes("echo x > $(readlink -f /proc/self/root){0}"), Writes("rm -f {0}; test -e {0} || exit 0; exit 1"),

        Shell("list-all-processes", s => "ls -d /proc/[0-9]*", null, (s, printed) => printed.Contains($"/proc/{s.Victim}\n", StringComparison.Ordinal)),
        Shell("read-the-command-line-of-a-process", s => $"cat /proc/{s.Victim}/cmdline", null, (s, printed) => printed.Contains("victim", StringComparison.Ordinal)),
        Shell("list-the-descriptors-of-a-process", s => $"ls /proc/{s.Victim}/fd", null, (s, printed) => printed.Split('\n').Contains($"{s.VictimDescriptor}")),
        Shell("read-the-state-of-a-process", s => $"cat /proc/{s.Victim}/status", null, (s, printed) => printed.Contains("VmRSS", StringComparison.Ordinal)),
        Shell("read-the-connections-of-the-machine", s => "cat /proc/net/tcp", null, (s, printed) => printed.Contains("local_address", StringComparison.Ordinal)),
        Shell("read-the-mounts-of-the-machine", s => "cat /proc/mounts", null, (s, printed) => printed.Contains(" / ", StringComparison.Ordinal)),

        Places("/etc/cron.d/escape-attempt"), Places("/etc/systemd/system/escape-attempt.service"), Places("/etc/profile.d/escape-attempt.sh"), Places("/usr/local/bin/escape-attempt"),
        Places("/etc/init.d/escape-attempt"), Places("/var/spool/cron/crontabs/escape-attempt"), Places("/etc/apt/apt.conf.d/escape-attempt"), Places("/etc/sudoers.d/escape-attempt"),
        Changes("/etc/passwd"), Changes("/etc/shadow"), Changes("/etc/hosts"), Changes("/bin/sh"), Changes("/proc/sys/kernel/core_pattern"), Changes("/proc/sysrq-trigger"), Changes("/sys/kernel/mm/transparent_hugepage/enabled"),

        new("plant-a-hook", Unconfined.AsTool, s => File.WriteAllText(s.Inside(".git/hooks/pre-commit"), "x"), Plan: Plan.GitProtected),
        new("change-the-settings-of-git", Unconfined.AsTool, s => File.AppendAllText(s.Inside(".git/config"), "x"), Plan: Plan.GitProtected),
        new("put-another-folder-in-the-place-of-git", Unconfined.AsTool, s =>
        {
            Directory.Move(s.Inside(".git"), s.Inside("was-git"));
            Directory.Move(s.Inside("was-git"), s.Inside(".git"));
        }, Plan: Plan.GitProtected),
        new("delete-the-settings-of-git", Unconfined.AsTool, s => File.Delete(s.Inside(".git/description")), Plan: Plan.GitProtected),
    ];

    private static Attempt Reads(string script, string? program = null) => Shell($"shell: {script}", s => string.Format(script, s.Secret, s.Home, Path.GetDirectoryName(s.Secret)), program);

    private static Attempt Writes(string script, string? program = null) => Shell($"shell: {script}", s => string.Format(script, s.Target("shell-target")), program, (s, _) =>
    {
        var target = s.Target("shell-target");
        if (File.Exists(target) && File.ReadAllText(target) == s.Canary) return false;
        File.WriteAllText(target, s.Canary);
        return true;
    });

    private static Attempt Shell(string name, Func<Stage, string> script, string? program, Func<Stage, string, bool>? worked = null)
    {
        var attempt = new Attempt(name, Unconfined.AsTool, static _ => { }, Where: program is null ? null : $"machines without {program}") { Script = script };
        if (worked is not null) attempt = attempt with { Worked = worked };
        return attempt with
        {
            Try = s =>
            {
                var printed = Run(s, script(s));
                if (!attempt.Worked(s, printed)) throw new HeldException(printed);
            },
        };
    }

    private static Attempt Places(string path) => new($"place {path}", Unconfined.AsRoot, _ =>
    {
        using (new FileStream(path, FileMode.CreateNew)) { }
        File.Delete(path);
    }, Where: $"machines without {Path.GetDirectoryName(path)}");

    private static Attempt Changes(string path) => new($"open {path} for writing", Unconfined.AsRoot, _ => Native.Close(Native.Open(path, 1)), Where: $"machines where {path} is missing, or busy");

    private static string Run(Stage stage, string script)
    {
        using var run = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = stage.Workspace })!;
        var errors = run.StandardError.ReadToEndAsync();
        return run.StandardOutput.ReadToEnd() + errors.Result;
    }
}
