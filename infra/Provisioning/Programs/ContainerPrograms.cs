using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>
/// The last resort: a program that runs in a container. It becomes a script that looks like the program and starts the container in the foreground, so that
/// whoever starts, signals and reads programs need not know. Files named in the arguments are mounted at the same paths.
/// </summary>
/// <remarks>A client that is killed outright leaves its container running until the next start over the same folder, which removes it.</remarks>
internal sealed class ContainerPrograms(SearchPath search, ProgramFinderOptions options)
{
    private const string ScriptsFolder = "containers";
    private static readonly string[] Runtimes = ["podman", "docker"];

    // What a container client needs to find its engine and its images; PostgreSQL's own HOME is its data folder.
    private static readonly string[] ClientVariables = ["HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "XDG_RUNTIME_DIR"];

    /// <summary>A folder with <c>initdb</c> and <c>postgres</c>, or null when no container runtime works here.</summary>
    public async Task<PostgresPrograms?> Postgres(CancellationToken ct) =>
        await Make("postgres", Image("AGENTPLATFORM_POSTGRES_IMAGE", "docker.io/library/postgres:17"), ["initdb", "postgres"], ct) is { } folder
            ? new PostgresPrograms(folder) { RunInContainer = true }
            : null;

    /// <summary>A script that is <c>nats-server</c>, or null when no container runtime works here.</summary>
    public async Task<string?> NatsServer(CancellationToken ct) =>
        await Make("nats", Image("AGENTPLATFORM_NATS_IMAGE", "docker.io/library/nats:2.11"), ["nats-server"], ct) is { } folder ? Path.Combine(folder, "nats-server") : null;

    /// <summary>Whether a program is one of these scripts.</summary>
    public static bool IsScript(string program) => Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(program))) == ScriptsFolder;

    private string Image(string setting, string usual) => options.Setting(setting) is { Length: > 0 } own ? own : usual;

    private async Task<string?> Make(string name, string image, string[] programs, CancellationToken ct)
    {
        foreach (var runtime in Runtimes.SelectMany(search.Find))
        {
            // A client without its engine is no runtime.
            if (!await Succeeds(runtime, ["info"], ct))
            {
                continue;
            }

            if (!await Succeeds(runtime, ["image", "inspect", image], ct))
            {
                if (!options.MayFetch)
                {
                    continue;
                }

                options.Progress($"pulling {image} with {Path.GetFileName(runtime)}");
                await RunTool.Run(new ChildProcessStart(runtime, "pull", image), ct);
            }

            options.Progress($"{string.Join(" and ", programs)} run in containers of {image} ({runtime})");
            var folder = Directory.CreateDirectory(Path.Combine(options.CacheFolder, ScriptsFolder, name)).FullName;
            foreach (var program in programs)
            {
                Write(Path.Combine(folder, program), Script(runtime, image, program));
            }

            return folder;
        }

        return null;
    }

    private static async Task<bool> Succeeds(string runtime, string[] arguments, CancellationToken ct)
    {
        try
        {
            await RunTool.Run(new ChildProcessStart(runtime, arguments), ct);
            return true;
        }
        catch (ToolFailedException)
        {
            return false;
        }
    }

    /// <summary>Written beside and renamed: a stack that starts at the same moment sees the old script or the new one.</summary>
    private static void Write(string path, string script)
    {
        var partial = $"{path}.{Guid.CreateVersion7():n}.partial";
        File.WriteAllText(partial, script);
        File.SetUnixFileMode(partial, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.Move(partial, path, overwrite: true);
    }

    private string Script(string runtime, string image, string program)
    {
        var exports = string.Concat(ClientVariables
            .Select(name => (Name: name, Value: options.Setting(name)))
            .Where(variable => variable.Value is { Length: > 0 })
            .Select(variable => $"export {variable.Name}={Quoted(variable.Value!)}\n"));

        // Rootless podman gives the container other user ids than ours unless told to keep them.
        var sameUser = Path.GetFileName(runtime) == "podman" && !Environment.IsPrivilegedProcess ? "--userns=keep-id " : "";
        return $$"""
            #!/bin/sh
            # {{program}} in a container. Made anew at each start that needs it; changes are lost.
            set -eu
            {{exports}}folder= secrets= before=
            for argument in "$@"; do
              case "$before $argument" in
                "-D "*) folder=$argument ;;
                "-c /"*) folder=$(dirname "$argument") ;;
                "--pwfile "*) secrets=$(dirname "$argument") ;;
              esac
              before=$argument
            done
            set -- {{Quoted(image)}} "$@"
            if [ -n "$secrets" ]; then set -- --mount "type=bind,source=$secrets,target=$secrets,readonly" "$@"; fi
            if [ -n "$folder" ]; then
              name=agentplatform-$(printf '%s' "{{program}} $folder" | cksum | cut -d ' ' -f 1)
              {{Quoted(runtime)}} rm --force "$name" > /dev/null 2>&1 || true
              set -- --name "$name" --workdir "$folder" --user "$(stat -c %u:%g "$folder")" --mount "type=bind,source=$folder,target=$folder" "$@"
            fi
            exec {{Quoted(runtime)}} run --rm --network host --security-opt label=disable {{sameUser}}--mount type=bind,source=/etc/passwd,target=/etc/passwd,readonly --entrypoint {{program}} "$@"

            """;
    }

    private static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
