using System.Text;
using AgentPlatform.Sessions.Terminals;

namespace AgentPlatform.Sessions.Tests.Terminals;

/// <summary>A folder of its own and terminals that are closed at the end.</summary>
public abstract class TerminalFixture : IAsyncLifetime
{
    private readonly List<Terminal> _terminals = [];

    protected string Folder { get; } = Directory.CreateTempSubdirectory("terminal-").FullName;

    public ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync()
    {
        foreach (var terminal in _terminals)
        {
            await terminal.DisposeAsync();
        }
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected Terminal Open(string? script = null, TerminalOptions? options = null, Func<TerminalSpec, TerminalSpec>? with = null)
    {
        var spec = new TerminalSpec { WorkingDirectory = Folder, Command = script is null ? ["/bin/sh"] : ["/bin/sh", "-c", script] };
        var terminal = Terminal.Open(Guid.CreateVersion7().ToString("N"), with?.Invoke(spec) ?? spec, options ?? new TerminalOptions { CloseGrace = TimeSpan.FromSeconds(1) }, TimeProvider.System);
        _terminals.Add(terminal);
        return terminal;
    }

    protected static Task Type(Terminal terminal, string text) => terminal.Write(Encoding.UTF8.GetBytes(text), CancellationToken.None);

    /// <summary>Reads until the text has appeared; says what there was instead.</summary>
    protected static Task<string> Until(Terminal terminal, string text) => Until(terminal, seen => seen.Contains(text, StringComparison.Ordinal), text);

    private static async Task<string> Until(Terminal terminal, Func<string, bool> there, string text)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var bytes = new List<byte>();
        string Seen() => Encoding.UTF8.GetString([.. bytes]);
        try
        {
            await foreach (var frame in terminal.Stream.Subscribe(0, patience.Token))
            {
                if (frame is TerminalFrame.Output output)
                {
                    bytes.AddRange(output.Bytes.Span);
                    if (there(Seen()))
                    {
                        return Seen();
                    }
                }
            }
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            Assert.Fail($"'{text}' did not appear within 20 s; seen: {Seen()}");
        }
        Assert.Fail($"the terminal ended before '{text}' appeared; seen: {Seen()}");
        return "";
    }

    /// <summary>What the program printed as <c>name=number</c> on a line.</summary>
    protected static async Task<int> Number(Terminal terminal, string name)
    {
        string? found = null;
        await Until(terminal, seen => (found = Line(seen, name)) is not null, name);
        return int.Parse(found!);
    }

    private static string? Line(string seen, string name) =>
        seen.Split("\r\n")[..^1].FirstOrDefault(line => line.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];

    /// <summary>All output to the end.</summary>
    protected static async Task<string> All(Terminal terminal)
    {
        var bytes = new List<byte>();
        await foreach (var frame in terminal.Stream.Subscribe(0, CancellationToken.None))
        {
            if (frame is TerminalFrame.Output output)
            {
                bytes.AddRange(output.Bytes.Span);
            }
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    protected static bool Lives(int process) =>
        File.Exists($"/proc/{process}/stat") && File.ReadAllText($"/proc/{process}/stat") is var stat && stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
}
