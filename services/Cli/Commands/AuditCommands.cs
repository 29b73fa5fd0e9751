using System.CommandLine;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl audit …</c>.</summary>
internal static class AuditCommands
{
    public static Command Audit(Shared shared)
    {
        var audit = new Command("audit", "Look at the record of everything, and check it");
        audit.Add(shared.Action(new Command("parity", "Is every event of every service in Audit? Exit code 1 when not"), async (_, platform, say, ct) =>
        {
            var report = await platform.Audit.Parity(ct);
            say.Answer(report, r =>
            {
                Say.Table(["service", "stored", "recorded", "missing"], r.Services.Select(s => new[]
                {
                    s.Service, s.Stored.ToString(), s.Recorded.ToString(), s.Error ?? string.Join(", ", s.Missing.Select(m => m.From == m.To ? $"{m.From}" : $"{m.From}–{m.To}")),
                }));
                Console.Out.WriteLine(r.Complete ? "complete: every event of every service is in Audit" : "incomplete");
            });
            return report.Complete ? ExitCode.Done : ExitCode.Failed;
        }));
        audit.Add(shared.Action(new Command("verify", "Walk the hash chain. Exit code 1 when a record does not hold"), async (_, platform, say, ct) =>
        {
            var report = await platform.Audit.Verify(ct);
            say.Answer(report, r => Console.Out.WriteLine(r.Valid
                ? $"valid: {r.Records} records, head {r.Head}"
                : $"broken at record {r.FirstBad?.Index} ({r.FirstBad?.Service} #{r.FirstBad?.Sequence}): {r.Reason}"));
            return report.Valid ? ExitCode.Done : ExitCode.Failed;
        }));
        audit.Add(Records(shared));
        return audit;
    }

    private static Command Records(Shared shared)
    {
        var service = new Option<string?>("--service") { Description = "Only this service" };
        var run = new Option<string?>("--run") { Description = "Only this run" };
        var after = new Option<string?>("--after") { Description = "Cursor that the page before ended with" };
        var limit = new Option<int>("--limit") { Description = "Records on a page, 1 to 500", DefaultValueFactory = _ => 100 };
        return shared.Action(new Command("records", "What happened, oldest first") { service, run, after, limit }, async (parsed, platform, say, ct) =>
        {
            RunId? only = parsed.GetValue(run) is not { } text ? null : RunId.TryParse(text, null, out var id) ? id : throw new CliException(ExitCode.WrongUse, $"--run '{text}' is no id");
            var page = await platform.Audit.ListRecords(parsed.GetValue(service), only, parsed.GetValue(after), parsed.GetValue(limit), ct);
            say.Answer(page, p =>
            {
                foreach (var r in p.Items)
                {
                    Console.Out.WriteLine($"{r.Index}\t{r.At:O}\t{r.Service}#{r.Sequence}\t{r.Type}\t{JsonSerializer.Serialize(r.Data, ContractJson.Options)}");
                }

                if (p.Next is { } next)
                {
                    Say.Progress($"more: --after {next}");
                }
            });
            return ExitCode.Done;
        });
    }
}
