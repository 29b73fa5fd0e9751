using System.Text.Json;
using System.Text.Json.Serialization;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Budgets;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>
/// What a process that dies would take with it, in a file that outlives it: a call before its provider is asked, as it is to be recorded should nobody hear of it
/// again, and its record until the store has it. <see cref="RecoverCalls"/> reads what a dead process has left.
/// </summary>
/// <remarks>
/// A line is handed to the operating system, which keeps it when the process is killed; it is not forced to the disk, so a machine that loses power loses the
/// last of it. The lines hold what the events hold, and no text.
/// </remarks>
public sealed class CallJournal : IDisposable
{
    public const string Pattern = "calls-*.jsonl";

    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Segment> _open = [];
    private readonly ModelFabricOptions.RecordOptions _options;
    private readonly string _instance = Guid.CreateVersion7().ToString("N");
    private Segment? _current;
    private int _segments;

    public CallJournal(IOptions<ModelFabricOptions> options, IConfiguration configuration)
    {
        _options = options.Value.Records;
        Folder = Path.Combine(ModelFabricOptions.FolderOf(options.Value, configuration), "modelfabric", "journal");
    }

    /// <summary>Shared by the processes of the service on this machine.</summary>
    public string Folder { get; }

    /// <summary>Notes how a call is to be recorded if this process dies before <see cref="Note"/> is told again, or how it is to be recorded.</summary>
    public void Note(CallEntry entry)
    {
        if (entry.Key is { } key)
        {
            Of(key).Write(JsonSerializer.SerializeToUtf8Bytes(JournalLine.Of(entry), JournalLine.Json));
        }
    }

    /// <summary>The store has it.</summary>
    public void Stored(Guid key)
    {
        lock (_gate)
        {
            if (_open.Remove(key, out var segment) && --segment.Open == 0 && segment != _current)
            {
                segment.Delete();
            }
        }
    }

    /// <summary>Leaves nothing behind when all is stored; what is not stays for the next process.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var segment in _open.Values.Append(_current).OfType<Segment>().Distinct())
            {
                if (segment.Open == 0)
                {
                    segment.Delete();
                }
                segment.Dispose();
            }
            _open.Clear();
            _current = null;
        }
    }

    /// <summary>All lines of a call stand in one file, so that a file can go when its calls are stored.</summary>
    private Segment Of(Guid key)
    {
        lock (_gate)
        {
            if (_open.TryGetValue(key, out var begun))
            {
                return begun;
            }
            if (_current is null || _current.Length >= _options.JournalBytesMax)
            {
                if (_current is { Open: 0 } full)
                {
                    full.Delete();
                }
                _current = new Segment(Folder, $"calls-{_instance}-{_segments++}.jsonl");
            }
            _current.Open++;
            return _open[key] = _current;
        }
    }

    private sealed class Segment : IDisposable
    {
        private readonly string _path;
        private readonly FileStream _file;
        private long _length;

        public Segment(string folder, string name)
        {
            var mine = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0 };
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                mine.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }
            _path = Path.Combine(folder, name);
            // Nobody else may open it while this process lives; that is how the others know.
            _file = new FileStream(_path, mine);
        }

        public int Open { get; set; }

        public long Length => Interlocked.Read(ref _length);

        /// <summary>With a line end on both sides: what a dying process wrote half spoils no other line.</summary>
        public void Write(byte[] json)
        {
            var line = new byte[json.Length + 2];
            (line[0], line[^1]) = ((byte)'\n', (byte)'\n');
            json.CopyTo(line, 1);
            RandomAccess.Write(_file.SafeFileHandle, line, Interlocked.Add(ref _length, line.Length) - line.Length);
        }

        public void Delete()
        {
            File.Delete(_path);
            Dispose();
        }

        public void Dispose() => _file.Dispose();
    }
}

/// <summary>A line of the journal; of several of one call the last counts.</summary>
public sealed record JournalLine(Guid Id, ModelCallEvent.ModelCalled? Record, Settlement? Settlement, string? TraceParent)
{
    /// <summary>Two lines for every call: what is not said is not written.</summary>
    public static JsonSerializerOptions Json { get; } = new(EventTypes.Json) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault };

    public static JournalLine Of(CallEntry entry) => new(entry.Id, entry.Record is null ? null : ModelCallEvent.ModelCalled.Of(entry.Record), entry.Settlement, entry.TraceParent);

    /// <summary>Texts are sealed in the store or nowhere: what waited to be kept is lost with the process.</summary>
    public CallEntry ToEntry() => new(Id, Record is null ? null : Record.ToRecord() with { TextsKept = false }, Settlement, Texts: null, TraceParent);
}
