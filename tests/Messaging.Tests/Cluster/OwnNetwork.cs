using System.Net.Sockets;
using System.Runtime.InteropServices;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.Messaging.Tests.Cluster;

/// <summary>
/// A network of our own: a namespace with a bridge, and one for each machine on it. Nothing of it is in the machine's own network; we reach it through sockets
/// that are made inside. The namespaces carry the name of a temporary folder, so what a killed run left behind is known and removed by the next one.
/// </summary>
internal sealed class OwnNetwork : IAsyncDisposable
{
    private const string Folder = "/run/netns";
    private readonly IpProgram _ip;
    private readonly TemporaryFolder _home = TemporaryFolder.Make();
    private readonly int _machines;

    private OwnNetwork(IpProgram ip, int machines) => (_ip, _machines) = (ip, machines);

    /// <summary>For files of the machines; gone with the network.</summary>
    public string Home => _home.Path;

    /// <summary>Why there can be no network of our own here; null when there can.</summary>
    public static async Task<string?> WhyNot(CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "only root may make network namespaces";
        }

        try
        {
            await using var smallest = await Make(machines: 1, ct);
            return null;
        }
        catch (ProgramMissingException e)
        {
            return e.Message;
        }
        catch (IOException e)
        {
            return $"network namespaces cannot be made here: {e.Message}";
        }
    }

    public static async Task<OwnNetwork> Make(int machines, CancellationToken ct)
    {
        var network = new OwnNetwork(await new ProgramFinder().FindIp(ct), machines);
        try
        {
            await network.RemoveLeftOvers();
            await network.Ip("netns", "add", network.Hub);
            await network.Ip("-n", network.Hub, "link", "add", "bridge", "type", "bridge");
            await network.Ip("-n", network.Hub, "link", "set", "bridge", "up");
            await network.Ip("-n", network.Hub, "addr", "add", "10.77.0.254/24", "dev", "bridge");
            for (var machine = 1; machine <= machines; machine++)
            {
                await network.Add(machine);
            }

            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public static string AddressOf(int machine) => $"10.77.0.{machine}";

    /// <summary>The command that runs a program on a machine.</summary>
    public string[] On(int machine) => ["nsenter", $"--net={Folder}/{NameOf(machine)}"];

    /// <summary>Pulls a machine's plug: what was sent to it and by it is lost, and nobody is told.</summary>
    public Task Cut(int machine) => Ip("-n", Hub, "link", "set", $"to{machine}", "down");

    public Task Heal(int machine) => Ip("-n", Hub, "link", "set", $"to{machine}", "up");

    /// <summary>A socket for connections that begin at the bridge, so that they are cut when a machine is.</summary>
    public Task<Socket> SocketAtBridge() => SocketIn(Hub);

    /// <summary>A socket for connections that begin on a machine itself; to its own address they outlast every cut.</summary>
    public Task<Socket> SocketOn(int machine) => SocketIn(NameOf(machine));

    public async ValueTask DisposeAsync()
    {
        foreach (var name in Enumerable.Range(1, _machines).Select(NameOf).Append(Hub).Where(name => File.Exists($"{Folder}/{name}")))
        {
            await Ip("netns", "del", name);
        }

        _home.Dispose();
    }

    private string Hub => NameOf(0);

    private string NameOf(int machine) => $"{Path.GetFileName(_home.Path)}.{machine}";

    private async Task Add(int machine)
    {
        await Ip("netns", "add", NameOf(machine));
        await Ip("link", "add", $"to{machine}", "netns", Hub, "type", "veth", "peer", "name", "eth0", "netns", NameOf(machine));
        await Ip("-n", Hub, "link", "set", $"to{machine}", "master", "bridge", "up");
        await Ip("-n", NameOf(machine), "addr", "add", $"{AddressOf(machine)}/24", "dev", "eth0");
        await Ip("-n", NameOf(machine), "link", "set", "eth0", "up");
        await Ip("-n", NameOf(machine), "link", "set", "lo", "up");
    }

    // Servers in them ended with the process that started them; a namespace stays until somebody deletes its name.
    private async Task RemoveLeftOvers()
    {
        var names = Directory.Exists(Folder) ? Directory.EnumerateFiles(Folder).Select(file => Path.GetFileName(file)) : [];
        foreach (var name in names.Where(name => TemporaryFolder.IsLeftOver(Path.GetFileNameWithoutExtension(name))).ToList())
        {
            await Ip("netns", "del", name);
        }
    }

    private async Task Ip(params string[] arguments)
    {
        var said = new List<string>();
        await using var ip = ChildProcess.Start(new ChildProcessStart(_ip.Executable, arguments)
        {
            Environment = _ip.Libraries is { } libraries ? new Dictionary<string, string?> { ["LD_LIBRARY_PATH"] = libraries } : [],
            OnLine = line => { lock (said) { said.Add(line.Text); } },
        });
        if (await ip.Exited is not 0 and var code)
        {
            throw new IOException($"ip {string.Join(' ', arguments)} ended with {code}: {string.Join(' ', said)}");
        }
    }

    // A socket belongs to the namespace of the thread that makes it, and stays there whoever uses it. The thread ends, so that no other work runs in there.
    private static Task<Socket> SocketIn(string name)
    {
        var made = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                using var space = File.OpenHandle($"{Folder}/{name}");
                if (NativeCalls.Enter(space, NativeCalls.NetworkNamespace) != 0)
                {
                    throw new IOException($"Cannot enter the namespace {name}: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                made.SetResult(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            }
            catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
            {
                made.SetException(e);
            }
        })
        { IsBackground = true, Name = "enters a namespace" }.Start();
        return made.Task;
    }
}

internal static partial class NativeCalls
{
    public const int NetworkNamespace = 0x40000000;

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static partial int Enter(SafeFileHandle space, int kind);
}
