using System.Runtime.InteropServices;

namespace AgentPlatform.Sessions.Terminals;

/// <summary>
/// Starts a program as leader of a new session whose controlling terminal is the given one. Through posix_spawn: a fork in a
/// managed process would copy locks that no thread of the copy could ever release.
/// </summary>
internal static class SpawnProgram
{
    /// <summary>Larger than posix_spawnattr_t, posix_spawn_file_actions_t and sigset_t of glibc and musl.</summary>
    private const int OpaqueBytes = 1024;

    /// <summary>Of every process of the session; a later start finds what an earlier one left behind by it.</summary>
    public const string SessionVariable = "AGENTPLATFORM_SESSION";

    private static readonly bool HasCloseFrom = NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "posix_spawn_file_actions_addclosefrom_np", out _);

    public static int On(string slave, TerminalSpec spec, string session)
    {
        if (spec.Command.Count == 0 || !Path.IsPathFullyQualified(spec.Command[0]))
        {
            throw new TerminalException("A terminal's command starts with the absolute path of a program, for example /bin/bash.");
        }
        if (!Directory.Exists(spec.WorkingDirectory))
        {
            throw new TerminalException($"The working directory {spec.WorkingDirectory} does not exist.");
        }
        using var memory = new NativeMemoryBlocks();
        var (attributes, actions, all, none) = (memory.Zeroed(OpaqueBytes), memory.Zeroed(OpaqueBytes), memory.Zeroed(OpaqueBytes), memory.Zeroed(OpaqueBytes));
        Libc.CheckReturned(Libc.AttributesInit(attributes), "posix_spawnattr_init");
        Libc.CheckReturned(Libc.ActionsInit(actions), "posix_spawn_file_actions_init");
        try
        {
            // .NET ignores SIGPIPE and may block others; a shell's children expect the defaults.
            _ = Libc.AllSignals(all);
            _ = Libc.NoSignals(none);
            Libc.CheckReturned(Libc.AttributesSetSignalDefaults(attributes, all), "posix_spawnattr_setsigdefault");
            Libc.CheckReturned(Libc.AttributesSetSignalMask(attributes, none), "posix_spawnattr_setsigmask");
            Libc.CheckReturned(Libc.AttributesSetFlags(attributes, Libc.SpawnSetSession | Libc.SpawnSetSignalDefaults | Libc.SpawnSetSignalMask), "posix_spawnattr_setflags");

            // The session exists before the actions run, so opening the terminal makes it the controlling one.
            Libc.CheckReturned(Libc.ActionsOpen(actions, 0, slave, Libc.ReadWrite, 0), "addopen");
            Libc.CheckReturned(Libc.ActionsDuplicate(actions, 0, 1), "adddup2");
            Libc.CheckReturned(Libc.ActionsDuplicate(actions, 0, 2), "adddup2");
            if (HasCloseFrom)
            {
                // .NET opens everything close-on-exec; this is for what the service itself inherited.
                Libc.CheckReturned(Libc.ActionsCloseFrom(actions, 3), "addclosefrom_np");
            }
            Libc.CheckReturned(Libc.ActionsChangeDirectory(actions, spec.WorkingDirectory), "addchdir_np");

            var error = Libc.Spawn(out var process, spec.Command[0], actions, attributes, memory.Strings(spec.Command), memory.Strings(Environment(spec, session)));
            Libc.CheckReturned(error, $"{spec.Command[0]} cannot be started in {spec.WorkingDirectory}");
            return process;
        }
        finally
        {
            _ = Libc.ActionsDestroy(actions);
            _ = Libc.AttributesDestroy(attributes);
        }
    }

    private static List<string> Environment(TerminalSpec spec, string session)
    {
        var variables = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["HOME"] = spec.WorkingDirectory,
            ["TERM"] = "xterm-256color",
            ["LANG"] = "C.UTF-8",
        };
        foreach (var (name, value) in spec.Environment)
        {
            variables[name] = value;
        }
        variables[SessionVariable] = session;
        return [.. variables.Select(pair => $"{pair.Key}={pair.Value}")];
    }

    /// <summary>Unmanaged memory that is given back together.</summary>
    private sealed class NativeMemoryBlocks : IDisposable
    {
        private readonly List<nint> _blocks = [];

        public unsafe nint Zeroed(int bytes)
        {
            var block = (nint)NativeMemory.AllocZeroed((nuint)bytes);
            _blocks.Add(block);
            return block;
        }

        /// <summary>A null-terminated array of C strings.</summary>
        public nint Strings(IReadOnlyList<string> texts)
        {
            var array = Zeroed((texts.Count + 1) * nint.Size);
            for (var i = 0; i < texts.Count; i++)
            {
                if (texts[i].Contains('\0', StringComparison.Ordinal))
                {
                    throw new TerminalException("Arguments and environment variables cannot contain a null character.");
                }
                var bytes = System.Text.Encoding.UTF8.GetBytes(texts[i]);
                var text = Zeroed(bytes.Length + 1);
                Marshal.Copy(bytes, 0, text, bytes.Length);
                Marshal.WriteIntPtr(array, i * nint.Size, text);
            }
            return array;
        }

        public unsafe void Dispose()
        {
            foreach (var block in _blocks)
            {
                NativeMemory.Free((void*)block);
            }
        }
    }
}
