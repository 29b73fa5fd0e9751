using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>Native memory of one spawn: strings, pointer arrays, attributes, file actions, filter. Freed as a whole.</summary>
internal sealed unsafe partial class SpawnMemory : IDisposable
{
    // Larger than the C libraries' types (glibc: 336 and 80 bytes; musl: 336 and 80), which are opaque to us.
    private const int OpaqueBytes = 1024;
    private const short SetSignalDefaults = 0x04, SetSignalMask = 0x08, NewSession = 0x80;

    private readonly List<nint> blocks = [];
    private readonly nint attributes, actions;

    public SpawnMemory()
    {
        Order = (SpawnOrder*)Reserve(sizeof(SpawnOrder));
        attributes = Reserve(OpaqueBytes);
        actions = Reserve(OpaqueBytes);
        var signals = Reserve(OpaqueBytes);
        Check(AttributesInit(attributes), "posix_spawnattr_init");
        Check(ActionsInit(actions), "posix_spawn_file_actions_init");
        // Own session and group, so that one kill reaches all of it and no terminal is shared. The runtime ignores SIGPIPE, which a tool must not inherit.
        Check(EmptySignals(signals), "sigemptyset");
        Check(AttributesMask(attributes, signals), "posix_spawnattr_setsigmask");
        Check(FillSignals(signals), "sigfillset");
        Check(AttributesDefaults(attributes, signals), "posix_spawnattr_setsigdefault");
        Check(AttributesFlags(attributes, SetSignalDefaults | SetSignalMask | NewSession), "posix_spawnattr_setflags");
        Order->Attributes = attributes;
        Order->Actions = actions;
        Order->Ruleset = Order->Listener = Order->Signal = Order->ProxyListener = -1;
    }

    public SpawnOrder* Order { get; }

    public void Program(string path, IEnumerable<string> arguments, IEnumerable<string> environment)
    {
        Order->Program = Text(path);
        Order->Arguments = Texts(arguments);
        Order->Environment = Texts(environment);
    }

    public void Give(int descriptor, int asNumber) => Check(ActionsDuplicate(actions, descriptor, asNumber), "posix_spawn_file_actions_adddup2");

    public void StartIn(int folder) => Check(ActionsFolder(actions, folder), "posix_spawn_file_actions_addfchdir_np");

    public void Filter(BpfInstruction[] program)
    {
        var code = Reserve(program.Length * sizeof(BpfInstruction));
        program.CopyTo(new Span<BpfInstruction>((void*)code, program.Length));
        // struct sock_fprog: count, padding, pointer.
        var head = (nint*)Reserve(2 * sizeof(nint));
        *(ushort*)head = (ushort)program.Length;
        head[1] = code;
        Order->Filter = (nint)head;
    }

    public void Dispose()
    {
        _ = AttributesDestroy(attributes);
        _ = ActionsDestroy(actions);
        foreach (var block in blocks) NativeMemory.Free((void*)block);
        blocks.Clear();
    }

    private nint Reserve(int bytes)
    {
        var block = (nint)NativeMemory.AllocZeroed((nuint)bytes);
        blocks.Add(block);
        return block;
    }

    private nint Text(string text)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(text);
        var block = Reserve(bytes.Length + 1);
        bytes.CopyTo(new Span<byte>((void*)block, bytes.Length));
        return block;
    }

    private nint Texts(IEnumerable<string> texts)
    {
        var all = texts.Select(Text).ToArray();
        var block = (nint*)Reserve((all.Length + 1) * sizeof(nint));
        for (var i = 0; i < all.Length; i++) block[i] = all[i];
        return (nint)block;
    }

    private static void Check(int error, string call)
    {
        if (error != 0) throw new System.ComponentModel.Win32Exception(error, $"{call}: {Kernel.Explain(error)}");
    }

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int AttributesInit(nint attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int AttributesDestroy(nint attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int AttributesFlags(nint attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int AttributesMask(nint attributes, nint signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int AttributesDefaults(nint attributes, nint signals);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int ActionsInit(nint actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int ActionsDestroy(nint actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int ActionsDuplicate(nint actions, int descriptor, int asNumber);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addfchdir_np")]
    private static partial int ActionsFolder(nint actions, int folder);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySignals(nint signals);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial int FillSignals(nint signals);
}
