using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using AgentPlatform.EscapeAttempts;
using AgentPlatform.ToolGateway.Sandbox;
using Plan = AgentPlatform.EscapeAttempts.Plan;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>How one attempt went, in the sandbox and without it.</summary>
public sealed record EscapeOutcome(bool EscapedConfined, string Confined, bool EscapedUnconfined, string Unconfined);

/// <summary>
/// Everything that an attempt is after, made so that only the sandbox stands in the way: what is outside, every user may read and write; a process of the tool's own
/// user has secrets; listeners listen. Every attempt is made once in the sandbox and then once without.
/// </summary>
public sealed class EscapeStage : IAsyncLifetime
{
    private const UnixFileMode All = (UnixFileMode)0b111_111_111, ReadByAll = (UnixFileMode)0b111_101_101;
    private static readonly Dictionary<string, string> Environment = new(StringComparer.Ordinal) { ["DOTNET_EnableDiagnostics"] = "0", ["DOTNET_gcServer"] = "0", ["DOTNET_EnableWriteXorExecute"] = "0", ["DOTNET_GCHeapHardLimit"] = "0x10000000" };

    private readonly ConfinementFixture sandbox = new();
    private readonly List<Socket> listeners = [];
    private readonly List<int> inherited = [];
    private readonly Dictionary<string, (bool, string)> confined = new(StringComparer.Ordinal), unconfined = new(StringComparer.Ordinal);
    private Stage stage = null!;
    private Process? victim;
    private string dotnet = "", program = "";

    /// <summary>Only a root gateway can show what needs root first.</summary>
    public static bool IsRoot => System.Environment.IsPrivilegedProcess;

    private uint ToolUser => sandbox.Workspace.Owner?.User ?? 0;

    public EscapeOutcome this[string name] => new(confined[name].Item1, confined[name].Item2, unconfined[name].Item1, unconfined[name].Item2);

    public async ValueTask InitializeAsync()
    {
        await Build();
        foreach (var plan in Enum.GetValues<Plan>())
        {
            await Confined([.. Attempt.All.Where(a => a.Plan == plan && !a.Alone && a.Script is null)], plan);
        }
        foreach (var alone in Attempt.All.Where(a => a.Alone && a.Script is null)) await Confined([alone], alone.Plan);
        foreach (var script in Attempt.All.Where(a => a.Script is not null)) await Script(script);

        foreach (var by in Enum.GetValues<Unconfined>()) await Unconfined([.. Attempt.All.Where(a => a.As == by && !a.Alone)], by);
        foreach (var few in Attempt.All.Where(a => a.Alone).Chunk(6)) await Task.WhenAll(few.Select(alone => Unconfined([alone], alone.As)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in listeners) listener.Dispose();
        foreach (var fd in inherited) _ = Kernel.Close(fd);
        if (victim is not null)
        {
            victim.StandardInput.Close();
            await victim.WaitForExitAsync();
            victim.Dispose();
        }
        sandbox.Dispose();
    }

    private async Task Build()
    {
        var folder = sandbox.Folder;
        var (outside, tools, secrets) = (Made("outside", All), Made("tools", ReadByAll), Made("secrets", All));
        var app = Made("app", ReadByAll);
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory, "AgentPlatform.EscapeAttempts.*")) File.Copy(file, Path.Combine(app, Path.GetFileName(file)));
        program = Path.Combine(app, "AgentPlatform.EscapeAttempts.dll");
        dotnet = Path.Combine(Runtime(), "dotnet");

        var tcp = Listen(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), new IPEndPoint(IPAddress.Loopback, 0));
        var udp = Listen(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp), new IPEndPoint(IPAddress.Loopback, 0));
        stage = new Stage
        {
            Canary = $"canary-{Guid.NewGuid():N}", Workspace = sandbox.Workspace.Root, Outside = outside, Secret = Path.Combine(secrets, "secret"), Home = Made("home/ann", ReadByAll), Data = Made("data", ReadByAll),
            Tools = tools, TcpPort = ((IPEndPoint)tcp.LocalEndPoint!).Port, UdpPort = ((IPEndPoint)udp.LocalEndPoint!).Port, Gateway = System.Environment.ProcessId,
            UnixStream = Path.Combine(outside, "stream"), UnixDatagram = Path.Combine(outside, "datagram"), AbstractName = $"escape-{Guid.NewGuid():N}", InheritedDescriptor = LeftOpen(Written(Path.Combine(secrets, "secret"), "")),
        };
        Written(stage.Secret, stage.Canary + "\n");
        Made("home/ann/.ssh", ReadByAll);
        Made("data/keys", ReadByAll);
        Written(Path.Combine(stage.Home, ".ssh/id_ed25519"), stage.Canary);
        Written(Path.Combine(stage.Data, "keys/master.key"), stage.Canary);
        foreach (var attempt in Attempt.All.Where(a => !a.Name.Contains(' ', StringComparison.Ordinal)).Select(a => a.Name).Append("shell-target")) Written(stage.Target(attempt), stage.Canary);
        Made("outside/remove-a-folder-outside.d", All);
        Written(Path.Combine(outside, "program"), $"#!/bin/sh\necho {stage.Canary}\n", All);
        foreach (var file in (string[])[".git/config", ".git/hooks/sample", ".git/description"]) await sandbox.Workspace.WriteText(file, "kept", default);

        Listen(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(stage.UnixStream));
        Listen(new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(stage.UnixStream + ".packets"));
        Listen(new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(stage.UnixDatagram));
        Listen(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint("\0" + stage.AbstractName));
        foreach (var socket in (string[])[stage.UnixStream, stage.UnixStream + ".packets", stage.UnixDatagram]) File.SetUnixFileMode(socket, All);

        stage.Write(StageFile);
        if (IsRoot)
        {
            using var prepare = Start(0, "prepare");
            await prepare.WaitForExitAsync();
            Assert.Equal(0, prepare.ExitCode);
        }

        victim = Start(ToolUser, "victim", ("CANARY", stage.Canary));
        var said = (await victim.StandardOutput.ReadLineAsync())!.Split(' ');
        stage = stage with { Victim = victim.Id, VictimAddress = long.Parse(said[0], CultureInfo.InvariantCulture), VictimDescriptor = int.Parse(said[1], CultureInfo.InvariantCulture) };
        stage.Write(StageFile);

        string Made(string name, UnixFileMode mode)
        {
            Directory.CreateDirectory(folder.Of(name));
            File.SetUnixFileMode(folder.Of(name), mode);
            for (var path = Path.GetDirectoryName(folder.Of(name))!; path != folder.Path && path != folder.Of("outside"); path = Path.GetDirectoryName(path)!) File.SetUnixFileMode(path, ReadByAll);
            return folder.Of(name);
        }
    }

    private string StageFile => Path.Combine(Path.GetDirectoryName(program)!, "stage.json");

    private static string Written(string path, string text, UnixFileMode mode = (UnixFileMode)0b110_110_110)
    {
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, mode);
        return path;
    }

    private Socket Listen(Socket socket, EndPoint at)
    {
        listeners.Add(socket);
        socket.Bind(at);
        if (socket.SocketType != SocketType.Dgram) socket.Listen(512);
        return socket;
    }

    // Without close-on-exec, as a careless library does it; above the numbers that the attempts' own runtime uses.
    private int LeftOpen(string file)
    {
        do inherited.Add(Kernel.Open(file, 0, 0));
        while (inherited[^1] is >= 0 and < 200);
        return inherited[^1];
    }

    // Tools may run as a user who cannot pass the folder in which .NET is installed; then they get a copy.
    private string Runtime()
    {
        var framework = RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/');
        var root = Path.GetFullPath(Path.Combine(framework, "../../.."));
        for (var folder = root; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!IsRoot || File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherExecute)) continue;
            var copy = sandbox.Folder.Of("runtime");
            foreach (var part in (string[])[framework, .. Directory.GetDirectories(Path.Combine(root, "host/fxr"))])
            {
                var target = Directory.CreateDirectory(Path.Combine(copy, Path.GetRelativePath(root, part))).FullName;
                foreach (var file in Directory.GetFiles(part)) File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
            }
            File.Copy(Path.Combine(root, "dotnet"), Path.Combine(copy, "dotnet"));
            return copy;
        }
        return root;
    }

    private async Task Script(Attempt attempt)
    {
        var ended = await sandbox.Sh(attempt.Script!(stage), SandboxPlan.Locked, ct: TestContext.Current.CancellationToken);
        confined[attempt.Name] = (attempt.Worked(stage, ended.Output.Text), $"{ended.ExitCode} {ended.Errors.Text.ReplaceLineEndings(" ")}");
        if (attempt.Leaves) StillThere(attempt, [$"left\t{ended.Output.Text.Split('\n')[0]}"], confined);
    }

    // The attempts' own program needs to read its memory map when it starts, so /proc is open to it: less stands in its way than in a tool's.
    private async Task Confined(Attempt[] attempts, Plan kind)
    {
        var walls = SandboxPlan.Locked.Readable("/proc", Path.GetDirectoryName(dotnet)!, Path.GetDirectoryName(program)!, stage.Tools).Within(new()
        {
            Duration = TimeSpan.FromMinutes(2), Cpu = attempts is [{ Name: "compute-without-end" }] ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(2), MemoryBytesMax = 512L << 20, CallMemoryBytesMax = 256L << 20,
            FileBytesMax = 32L << 20, WorkspaceBytesMax = 64L << 20, WorkspaceEntriesMax = 5_000, OpenFilesMax = 300, ProcessesMax = 100, LookEvery = TimeSpan.FromMilliseconds(100),
        });
        walls = kind switch
        {
            Plan.OtherPortGranted => walls.ConnectTo(stage.TcpPort == 65_535 ? 1 : stage.TcpPort + 1),
            Plan.GitProtected => walls.Protect(Path.Combine(stage.Workspace, ".git")),
            _ => walls,
        };
        var command = new SandboxCommand { Arguments = [dotnet, program, "attempts", StageFile, "0", .. attempts.Select(a => a.Name)], Workspace = sandbox.Workspace, Environment = Environment };
        var ended = Assert.IsType<SandboxResult.Ended>(await sandbox.Confinement.Run(command, walls, TestContext.Current.CancellationToken));
        Read(attempts, ended.Output.Text.Split('\n'), confined, $"{ended.End} {ended.ExitCode} {ended.Why} {ended.Errors.Text}");
        Clean();
    }

    private async Task Unconfined(Attempt[] attempts, Unconfined by)
    {
        if (by == EscapeAttempts.Unconfined.AsRoot && !IsRoot)
        {
            Read(attempts, [], unconfined, "only root could, and this gateway is not");
            return;
        }
        using var run = Start(by == EscapeAttempts.Unconfined.AsRoot ? 0 : ToolUser, "attempts", [("TMPDIR", stage.Workspace)], attempts.Select(a => a.Name));
        run.StandardInput.Close();
        var lines = new List<string>();
        while (lines.Count(line => line.Contains('\t', StringComparison.Ordinal) && !line.StartsWith("left\t", StringComparison.Ordinal)) < attempts.Length && await run.StandardOutput.ReadLineAsync() is { } line) lines.Add(line);
        await run.WaitForExitAsync();
        Read(attempts, lines, unconfined, $"ended with {run.ExitCode}");
        if (attempts is [{ Leaves: true } leaves]) StillThere(leaves, lines, unconfined);
    }

    private Process Start(uint user, string what, params (string, string)[] variables) => Start(user, what, variables, []);

    private Process Start(uint user, string what, (string Name, string Value)[] variables, IEnumerable<string> names)
    {
        var start = new ProcessStartInfo(dotnet, [program, what, StageFile, $"{user}", .. names]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = Path.GetDirectoryName(stage.Secret) };
        start.Environment.Clear();
        foreach (var (name, value) in Environment) start.Environment[name] = value;
        foreach (var (name, value) in variables) start.Environment[name] = value;
        start.Environment["PATH"] = Confinement.SearchPath;
        return Process.Start(start)!;
    }

    private static void Read(Attempt[] attempts, IReadOnlyCollection<string> lines, Dictionary<string, (bool, string)> into, string otherwise)
    {
        var told = lines.Select(line => line.Split('\t')).Where(parts => parts.Length == 3).ToDictionary(parts => parts[0], parts => (parts[1] == "escaped", parts[2]), StringComparer.Ordinal);
        foreach (var attempt in attempts)
        {
            // A process that was ended with its attempt was held, if it was alone; in a row of many nobody would know what the others did.
            if (!told.ContainsKey(attempt.Name) && !attempt.Alone && !otherwise.StartsWith("only root", StringComparison.Ordinal)) throw new InvalidOperationException($"Nothing was said about '{attempt.Name}': {otherwise}");
            into[attempt.Name] = told.GetValueOrDefault(attempt.Name, (false, otherwise));
        }
    }

    private static void StillThere(Attempt attempt, IEnumerable<string> lines, Dictionary<string, (bool, string)> into)
    {
        if (lines.FirstOrDefault(line => line.StartsWith("left\t", StringComparison.Ordinal)) is not { } left)
        {
            return;
        }
        var pid = int.Parse(left.Split('\t')[1], CultureInfo.InvariantCulture);
        var stat = File.Exists($"/proc/{pid}/stat") ? File.ReadAllText($"/proc/{pid}/stat") : ") X";
        var alive = stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        if (alive) _ = Kernel.Kill(pid, Kernel.SigKill);
        into[attempt.Name] = (alive, alive ? "" : $"{pid} is gone");
    }

    private void Clean()
    {
        foreach (var name in (string[])["many", "empty", "fill", "allocated"])
        {
            if (Directory.Exists(Path.Combine(stage.Workspace, name))) Directory.Delete(Path.Combine(stage.Workspace, name), recursive: true);
            File.Delete(Path.Combine(stage.Workspace, name));
        }
    }
}
