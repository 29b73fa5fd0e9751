using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>Runs processes inside the walls of a <see cref="SandboxPlan"/>. One per gateway.</summary>
/// <remarks>
/// Promises: the tool and all it starts keep the plan's files, network, system calls, user and limits; nothing of the gateway's environment or descriptors is
/// inherited; the tool's process group ends with the call and with the gateway.
/// Does not promise: a bound on memory over all processes of a call (each has its own; a cgroup would be needed), disk space over all files, or that a process which
/// both leaves the group and scrubs its environment ends with the call (see <see cref="Stragglers"/>).
/// </remarks>
public sealed class Confinement : IDisposable
{
    /// <summary>Where tools' programs are looked for.</summary>
    public const string SearchPath = "/usr/local/bin:/usr/bin:/bin";

    private readonly Guardian guardian = new();
    private readonly Stragglers stragglers;
    private readonly TimeProvider time;

    public Confinement(TimeProvider time)
    {
        this.time = time;
        stragglers = new Stragglers(time);
        if (Kernel.IsKnownMachine && !ConfinedSpawn.Prepare()) throw new InvalidOperationException("The C library lacks a function the sandbox needs; use glibc 2.29 or musl 1.2 or newer.");
    }

    internal Guardian Guardian => guardian;

    /// <summary>Starts the command and completes when the process and its group are gone. Cancelling kills them and reports so.</summary>
    public async Task<SandboxResult> Run(SandboxCommand command, SandboxPlan plan, CancellationToken ct)
    {
        if (MissingLayer(command, plan) is { } refused) return refused;
        if (NotFound(command) is { } reason) return new SandboxResult.NotStarted(reason);

        using var call = new ConfinedCall(command, plan, guardian, time);
        await using var stop = ct.Register(call.Cancel);
        var result = await call.Run();
        if (result is SandboxResult.Ended { End: SandboxEnd.Exited }) stragglers.KillLater(call.Id);
        else if (result is SandboxResult.Ended) Stragglers.KillNow(call.Id);
        return result;
    }

    public void Dispose() => guardian.Dispose();

    /// <summary>The first required layer this host cannot give, in words.</summary>
    private static SandboxResult.Refused? MissingLayer(SandboxCommand command, SandboxPlan plan)
    {
        if (!Kernel.IsKnownMachine)
            return new(SandboxLayer.Syscalls, "The sandbox knows Linux on x86-64 and arm64 only; run ToolGateway there, for example in a container.");
        if (plan.Required.HasFlag(SandboxLayer.Files) && Landlock.Abi == 0)
            return new(SandboxLayer.Files, "This kernel gives no Landlock, so files cannot be confined; use Linux 5.13 or newer and boot with 'landlock' in lsm=.");
        if (plan.Network == NetworkAccess.TcpPorts && !Landlock.HandlesPorts)
            return new(SandboxLayer.Network, $"Landlock ABI {Landlock.Abi} cannot confine TCP ports; use Linux 6.7 or newer, or a plan without network.");
        if (plan.Required.HasFlag(SandboxLayer.Signals) && !Landlock.HandlesSignals)
            return new(SandboxLayer.Signals, $"Landlock ABI {Landlock.Abi} cannot scope signals; use Linux 6.12 or newer, or do not require this layer.");
        if (command.Workspace.Owner is { } owner && Unreachable(command.Workspace.Root, owner) is { } folder)
        {
            return new(SandboxLayer.Identity, $"Tools run as user id {owner.User}, which may not enter {folder}; allow it (chmod o+x {folder}) " +
                "or set AGENTPLATFORM_DATA to a folder that every user may enter, such as /var/lib/agentplatform.");
        }
        return null;
    }

    // A root gateway can enter any folder, the user it drops to cannot: without this the tool would fail later with a puzzling "permission denied".
    private static string? Unreachable(string root, WorkspaceOwner owner)
    {
        for (var folder = Path.GetDirectoryName(root); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            using var handle = Beneath.OpenAnywhere(folder);
            var facts = Beneath.Facts(handle);
            const uint othersMayEnter = 1, ownerMayEnter = 64;
            if ((facts.Mode & othersMayEnter) == 0 && !(facts.User == owner.User && (facts.Mode & ownerMayEnter) != 0)) return folder;
        }
        return null;
    }

    private static string? NotFound(SandboxCommand command)
    {
        var program = command.Arguments.Count == 0 ? "" : command.Arguments[0];
        if (program.Length == 0) return "No program was named; give at least one argument.";
        if (command.Arguments.Any(argument => argument.Contains('\0', StringComparison.Ordinal))) return "An argument contains a NUL character; remove it.";
        if (program.Contains('/', StringComparison.Ordinal)) return null; // Relative to the folder it starts in, or absolute: exec will tell.
        return SearchPath.Split(':').Any(folder => File.Exists(Path.Combine(folder, program)))
            ? null
            : $"Program '{program}' was not found in {SearchPath}; install it on the host or use another one.";
    }
}
