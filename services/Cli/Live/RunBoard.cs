using System.Text.Json;
using AgentPlatform.Contracts;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace AgentPlatform.Cli.Live;

/// <summary>What is shown while a run goes: a table of tasks that changes in place on a terminal, one line per change elsewhere.</summary>
public sealed class RunBoard
{
    private readonly Dictionary<string, Row> _rows = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];
    private readonly DateTimeOffset _begun = DateTimeOffset.UtcNow;

    public RunBoard(RunView run)
    {
        ArgumentNullException.ThrowIfNull(run);
        foreach (var task in run.Tasks)
        {
            _order.Add(task.Id);
            _rows[task.Id] = new Row(task.Title ?? task.Id, "pending", null, string.Empty);
        }
    }

    /// <summary>Takes an event in.</summary>
    /// <returns>The line that tells of it; null when there is nothing to tell.</returns>
    public string? Take(RunEventView e)
    {
        ArgumentNullException.ThrowIfNull(e);
        var name = e.Type.Split('.')[0];
        if (Text(e.Data, "task") is not { } task || !_rows.TryGetValue(task, out var row))
        {
            return e.Stream.StartsWith("attempt-", StringComparison.Ordinal) ? FromAttempt(name, e) : name switch
            {
                "run-paused" => "the run is paused",
                "run-resumed" => "the run goes on",
                _ => null,
            };
        }

        var state = name switch
        {
            "task-assigned" => "assigned",
            "task-approval-asked" or "task-held" => "waiting for approval",
            "task-approved" or "task-released" or "task-started" => "running",
            "task-verifying" => "verifying",
            "task-succeeded" => "succeeded",
            "task-failed" => "failed",
            "task-retrying" => "retrying",
            "task-dead-lettered" => "dead-lettered",
            "task-skipped" => "skipped",
            "task-cancelled" => "cancelled",
            _ => null,
        };
        if (state is null)
        {
            return null;
        }

        var note = Note(name, e.Data);
        _rows[task] = row with { State = state, Worker = Text(e.Data, "worker") ?? row.Worker, Note = note };
        return $"{Elapsed()} {task,-28} {state}{(Text(e.Data, "worker") is { } worker ? $" · {worker}" : string.Empty)}{(note.Length > 0 ? $" · {note}" : string.Empty)}";
    }

    /// <summary>The table as it is now.</summary>
    public IRenderable Render()
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("task").AddColumn("worker").AddColumn("state").AddColumn(string.Empty);
        foreach (var id in _order)
        {
            var row = _rows[id];
            table.AddRow(Markup.Escape(row.Title), Markup.Escape(row.Worker ?? string.Empty), $"[{Colour(row.State)}]{row.State}[/]", Markup.Escape(row.Note));
        }

        return table;
    }

    private string? FromAttempt(string name, RunEventView e)
    {
        // attempt-<run>.<task>.<n>
        var parts = e.Stream.Split('.');
        if (parts.Length < 3 || !_rows.TryGetValue(parts[^2], out var row))
        {
            return null;
        }

        var note = name switch
        {
            "model-asked" => $"step {Number(e.Data, "step")}: asks the model",
            "tool-wanted" when Number(e.Data, "step") > 0 => $"step {Number(e.Data, "step")}: {Text(e.Data, "tool")}",
            _ => null,
        };
        if (note is null)
        {
            return null;
        }

        _rows[parts[^2]] = row with { Note = note };
        return $"{Elapsed()} {parts[^2],-28} {note}";
    }

    private static string Note(string name, JsonElement data) => name switch
    {
        "task-approval-asked" or "task-held" => $"agentctl requests approve {Text(data, "request")}",
        "task-retrying" => $"attempt {Number(data, "attempt")} in {Text(data, "delay")}",
        _ => Text(data, "reason") ?? string.Empty,
    };

    private string Elapsed() => $"[{(DateTimeOffset.UtcNow - _begun).TotalSeconds,6:0.00} s]";

    private static string Colour(string state) => state switch
    {
        "succeeded" => "green",
        "failed" or "dead-lettered" => "red",
        "skipped" or "cancelled" or "pending" => "grey",
        "waiting for approval" => "yellow",
        _ => "blue",
    };

    private static string? Text(JsonElement data, string name) => data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long Number(JsonElement data, string name) => data.TryGetProperty(name, out var value) && value.TryGetInt64(out var number) ? number : 0;

    private sealed record Row(string Title, string State, string? Worker, string Note);
}
