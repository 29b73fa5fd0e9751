using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.Cli.Live;
using AgentPlatform.Contracts;
using Spectre.Console;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl run</c>: bring the files in, start the run, show it, bring the artifacts out.</summary>
/// <param name="Plan">A plan file, or a folder with <c>plan.yaml</c>, <c>inputs/</c> and <c>models/</c>.</param>
/// <param name="Goal">Instead of a plan.</param>
/// <param name="Input">A folder whose files become <c>inputs/…</c>.</param>
/// <param name="Out">Where the artifacts are put.</param>
/// <param name="Detach">Start and leave.</param>
public sealed record RunPlan(string? Plan, string? Goal, string? Input, string? Out, bool Detach)
{
    private const int FilesMax = 10_000;

    public async Task<int> Execute(Platform platform, Say say, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(say);
        var (text, files) = Read();
        var workspace = WorkspaceId.New();
        foreach (var (path, file) in files)
        {
            await using var stream = File.OpenRead(file);
            await platform.ToolGateway.PutFile(workspace, string.Join('/', path.Split('/').Select(Uri.EscapeDataString)), stream, ct);
        }

        if (files.Count > 0)
        {
            Say.Progress($"brought {files.Count} files into workspace {workspace}");
        }

        var request = new StartRunRequest(Plan: text is null ? null : JsonSerializer.SerializeToElement(text), Goal: Goal, Workspace: workspace);
        var run = await platform.Orchestrator.StartRun(Guid.CreateVersion7().ToString(), request, ct);
        Say.Progress($"run {run.Id} of {run.Name}: {run.Tasks.Length} tasks");
        if (Detach)
        {
            say.Answer(run, r => Console.Out.WriteLine(r.Id));
            return ExitCode.Done;
        }

        var ended = await Watch(platform, run, ct);
        if (Out is { } folder)
        {
            foreach (var artifact in ended.Artifacts)
            {
                await Download(platform, ended.Workspace, artifact, folder, ct);
            }
        }

        say.Answer(ended, Summary);
        return ended.Status == RunStatus.Succeeded ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Shows a run until it ends.</summary>
    public static async Task<RunView> Watch(Platform platform, RunView run, CancellationToken ct)
    {
        var board = new RunBoard(run);
        var watch = new RunWatch(platform);
        if (Console.IsErrorRedirected || !Say.Error.Profile.Capabilities.Ansi)
        {
            return await watch.Follow(run.Id, e => { if (board.Take(e) is { } line) Say.Progress(line); }, ct);
        }

        RunView? ended = null;
        await Say.Error.Live(board.Render()).StartAsync(async live => ended = await watch.Follow(
            run.Id,
            e =>
            {
                board.Take(e);
                live.UpdateTarget(board.Render());
            },
            ct));
        return ended!;
    }

    private void Summary(RunView run)
    {
        Console.Out.WriteLine($"run {run.Id}: {run.Status.ToString().ToLowerInvariant()} after {(run.EndedAt - run.StartedAt)?.TotalSeconds:0.0} s{(run.Reason is null ? string.Empty : $": {run.Reason}")}");
        Console.Out.WriteLine($"state hash {run.StateHash}");
        foreach (var artifact in run.Artifacts)
        {
            Console.Out.WriteLine($"{artifact.Path}  {artifact.Bytes} bytes  sha256:{artifact.Sha256}");
        }

        if (Out is { } folder && run.Artifacts.Length > 0)
        {
            Console.Out.WriteLine($"artifacts are in {Path.GetFullPath(folder)}");
        }
    }

    private (string? Plan, SortedDictionary<string, string> Files) Read()
    {
        if ((Plan is null) == (Goal is null))
        {
            throw new CliException(ExitCode.WrongUse, "Give either a plan or --goal TEXT");
        }

        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string? text = null;
        if (Plan is { } plan)
        {
            var isFolder = Directory.Exists(plan);
            var file = isFolder ? Path.Combine(plan, "plan.yaml") : plan;
            if (!File.Exists(file))
            {
                throw new CliException(ExitCode.WrongUse, isFolder ? $"The folder {plan} holds no plan.yaml" : $"There is no plan {plan}; name a plan file, or a folder that holds plan.yaml");
            }

            text = File.ReadAllText(file);
            if (isFolder)
            {
                Add(files, Path.Combine(plan, "inputs"), "inputs");
                Add(files, Path.Combine(plan, "models"), "models");
            }
        }

        if (Input is { } input)
        {
            if (!Directory.Exists(input))
            {
                throw new CliException(ExitCode.WrongUse, $"--input {input} is no folder");
            }

            Add(files, input, "inputs");
        }

        return files.Count <= FilesMax ? (text, files) : throw new CliException(ExitCode.WrongUse, $"{files.Count} input files are more than the {FilesMax} that one run takes");
    }

    private static void Add(SortedDictionary<string, string> files, string folder, string under)
    {
        if (Directory.Exists(folder))
        {
            foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                files[$"{under}/{Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/')}"] = file;
            }
        }
    }

    private static async Task Download(Platform platform, WorkspaceId workspace, Artifact artifact, string folder, CancellationToken ct)
    {
        var target = Path.GetFullPath(Path.Combine(folder, artifact.Path));
        if (!target.StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new CliException(ExitCode.Failed, $"The artifact path '{artifact.Path}' leads out of {folder}; it was not written");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        using var response = await Fetch(platform, workspace, artifact.Path, ct);
        var partial = $"{target}.partial";
        await using (var file = File.Create(partial))
        {
            await response.Content.CopyToAsync(file, ct);
        }

        await using (var written = File.OpenRead(partial))
        {
            var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(written, ct));
            if (hash != artifact.Sha256)
            {
                throw new CliException(ExitCode.Failed, $"{artifact.Path} changed after it was verified: expected sha256:{artifact.Sha256}, got sha256:{hash}; it stays at {partial}");
            }
        }

        File.Move(partial, target, overwrite: true);
    }

    private static async Task<HttpResponseMessage> Fetch(Platform platform, WorkspaceId workspace, string path, CancellationToken ct)
    {
        try
        {
            return await platform.ToolGateway.GetFile(workspace, string.Join('/', path.Split('/').Select(Uri.EscapeDataString)), ct);
        }
        catch (RestEase.ApiException e) when (e.StatusCode < System.Net.HttpStatusCode.InternalServerError)
        {
            // Nobody typed anything wrong: the run named a file that is not there.
            throw new CliException(ExitCode.Failed, $"{path} could not be fetched from workspace {workspace}: {(int)e.StatusCode} {e.ReasonPhrase}");
        }
    }
}
