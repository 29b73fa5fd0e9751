using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Scripted;

/// <summary>
/// Finds scripts by name: first among the models of the run's own workspace, then in the configured folders.
/// A workspace is written by agents, so nothing in it may be a link that leads elsewhere.
/// </summary>
public sealed partial class ScriptLibrary(IOptions<ModelFabricOptions> options, IConfiguration configuration)
{
    private const int ParsedHeldMax = 256;
    private readonly ConcurrentDictionary<string, Script> _parsed = new(StringComparer.Ordinal);
    private readonly string _workspaces = Path.Combine(ModelFabricOptions.FolderOf(options.Value, configuration), "workspaces");

    public bool Contains(string name, Guid? workspace) => Locate(name, workspace) is not null;

    public Script Load(string name, Guid? workspace)
    {
        var path = Locate(name, workspace) ?? throw new ScriptException($"there is no script '{name}'.");
        var limits = options.Value.Script;
        var bytes = ReadBounded(path, limits.FileBytesMax);
        // Parsed by content: a changed file is a new key, and the same script in a thousand workspaces is parsed once.
        var hash = Convert.ToHexString(SHA256.HashData(bytes));
        if (!_parsed.TryGetValue(hash, out var script))
        {
            script = ParseScript.From(Encoding.UTF8.GetString(bytes), limits);
            if (_parsed.Count >= ParsedHeldMax)
            {
                _parsed.Clear();
            }
            _parsed[hash] = script;
        }
        return script.Model == $"scripted/{name}"
            ? script
            : throw new ScriptException($"'model' says '{script.Model}' but the file is named for 'scripted/{name}'. A script calls itself what it is: make them agree.");
    }

    /// <summary>The names of all scripts a call could use, each once.</summary>
    public IReadOnlyList<string> Names(Guid? workspace) =>
    [
        .. Folders(workspace).Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*.yaml"))
            .Select(file => Path.GetFileNameWithoutExtension(file)).Where(name => Locate(name, workspace) is not null)
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(options.Value.Script.ScriptsListedMax),
    ];

    private string? Locate(string name, Guid? workspace) =>
        NamePattern().IsMatch(name) ? Folders(workspace).Select(folder => Path.Combine(folder, name + ".yaml")).FirstOrDefault(IsPlainFile) : null;

    private IEnumerable<string> Folders(Guid? workspace)
    {
        if (workspace is { } id)
        {
            var root = Path.Combine(_workspaces, id.ToString("D"));
            var models = Path.Combine(root, "models");
            if (IsPlainFolder(root) && IsPlainFolder(models))
            {
                yield return models;
            }
        }
        foreach (var folder in options.Value.ScriptFolders)
        {
            yield return folder;
        }
    }

    private static bool IsPlainFile(string path) => new FileInfo(path) is { Exists: true, LinkTarget: null };

    private static bool IsPlainFolder(string path) => new DirectoryInfo(path) is { Exists: true, LinkTarget: null };

    private static byte[] ReadBounded(string path, int max)
    {
        using var file = File.OpenRead(path);
        if (file.Length > max)
        {
            throw new ScriptException($"the file has {file.Length} bytes, more than {max} (ModelFabric:Script:FileBytesMax).");
        }
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();
}
