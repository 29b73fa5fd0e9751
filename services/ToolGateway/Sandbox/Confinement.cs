using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>Runs processes inside the walls of a <see cref="SandboxPlan"/>. One per gateway.</summary>
/// <remarks>
/// Promises: the tool and all it starts keep the plan's files, network, system calls, user and limits; nothing of the gateway's environment or descriptors is
/// inherited; every process a tool started ends with the call and with the gateway, wherever it moved itself (<see cref="SessionRequests"/>).
/// Does not promise: that what Landlock does not see is held (looking up names, sizes and times of files, setting times; and, where the gateway is not root and tools
/// are its own user, the mode of that user's files); or that memory and disk over all processes end at the byte (<see cref="CallUse"/>).
/// </remarks>
public sealed class Confinement : IDisposable
{
    /// <summary>Where tools' programs are looked for.</summary>
    public const string SearchPath = "/usr/local/bin:/usr/bin:/bin";

    private readonly Guardian guardian = new();
    private readonly TimeProvider time;

    public Confinement(TimeProvider time)
    {
        this.time = time;
        if (Kernel.IsKnownMachine && !ConfinedSpawn.Prepare()) throw new InvalidOperationException("The C library lacks a function the sandbox needs; use glibc 2.29 or musl 1.2 or newer.");
    }

    internal Guardian Guardian => guardian;

    /// <summary>Starts the command and completes when the process and its group are gone. Cancelling kills them and reports so.</summary>
    public async Task<SandboxResult> Run(SandboxCommand command, SandboxPlan plan, CancellationToken ct)
    {
        if (MissingLayer(command, plan) is { } refused) return refused;
        if (NotFound(command) is { } reason) return new SandboxResult.NotStarted(reason);

        using var call = new ConfinedCall(command, plan, guardian, time, streams: false);
        await using var stop = ct.Register(call.Cancel);
        return await call.Run();
    }

    /// <summary>Starts a process that goes on until it ends or is stopped, and gives its streams. It ends with the gateway like every call.</summary>
    /// <exception cref="SandboxException">It was refused, or could not be started.</exception>
    public async Task<ConfinedProcess> Start(SandboxCommand command, SandboxPlan plan)
    {
        if (MissingLayer(command, plan) is { } refused) throw new SandboxException(refused.Reason);
        if (NotFound(command) is { } reason) throw new SandboxException(reason);

        var call = new ConfinedCall(command, plan, guardian, time, streams: true);
        try
        {
            var ended = call.Run();
            if (await Task.WhenAny(call.Started, ended) == ended) throw new SandboxException(Said(await ended));
            return new ConfinedProcess(call, ended);
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    public void Dispose() => guardian.Dispose();

    private static string Said(SandboxResult result) => result switch
    {
        SandboxResult.Refused refused => refused.Reason,
        SandboxResult.NotStarted notStarted => notStarted.Reason,
        _ => "It ended at once.",
    };

    /// <summary>The first required layer this host cannot give, in words.</summary>
    private static SandboxResult.Refused? MissingLayer(SandboxCommand command, SandboxPlan plan)
    {
        if (!Kernel.IsKnownMachine)
            return new(SandboxLayer.Syscalls, "The sandbox knows Linux on x86-64 and arm64 only; run ToolGateway there, for example in a container.");
        if (plan.Required.HasFlag(SandboxLayer.Files) && Landlock.Abi == 0)
            return new(SandboxLayer.Files, "This kernel gives no Landlock, so files cannot be confined; use Linux 5.13 or newer and boot with 'landlock' in lsm=.");
        if (plan.Network is NetworkAccess.TcpPorts or NetworkAccess.Hosts && !Landlock.HandlesPorts)
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
    internal static string? Unreachable(string root, WorkspaceOwner owner)
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
