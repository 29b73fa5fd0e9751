using System.Globalization;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Audit.Chain;

/// <summary><c>GET /v1/records?service=&amp;run=&amp;after=&amp;limit=</c>, oldest first.</summary>
public static class ListRecords
{
    private const int LimitDefault = 100;
    private const int LimitMax = 500;

    public static async Task<Page<AuditRecordView>> Handle(ChainStore chain, CancellationToken ct, string? service = null, RunId? run = null, string? after = null, int? limit = null)
    {
        if (service is not null && !ServiceNames.All.Contains(service))
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "unknown-service", $"service must be one of {string.Join(", ", ServiceNames.All)}");
        }
        var from = 0L;
        if (after is not null && (!long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out from) || from < 0))
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-cursor", "'after' must be the 'next' of the page before");
        }
        var size = Math.Clamp(limit ?? LimitDefault, 1, LimitMax);
        await using var connection = await chain.Database.OpenConnectionAsync(ct);
        var views = new List<AuditRecordView>(size);
        await foreach (var record in ChainStore.Read(connection, new ChainQuery(from, service, run?.ToString(), size + 1), ct))
        {
            if (views.Count == size)
            {
                return new Page<AuditRecordView>([.. views], views[^1].Index.ToString(CultureInfo.InvariantCulture));
            }
            views.Add(Show(chain, record));
        }
        return new Page<AuditRecordView>([.. views], Next: null);
    }

    private static AuditRecordView Show(ChainStore chain, AuditRecord record)
    {
        JsonElement data;
        try
        {
            data = JsonSerializer.Deserialize<JsonElement>(chain.Open(record));
        }
        catch (InvalidOperationException)
        {
            throw new ProblemException(StatusCodes.Status500InternalServerError, "record-damaged", $"Record {record.Index} does not open: it was changed, or sealed under another master key. POST /v1/verify tells where the chain breaks");
        }
        return new AuditRecordView(
            record.Index, record.Service, record.Sequence, record.Stream, record.Version, record.Type, record.At, record.Correlation, Convert.ToHexStringLower(record.Hash), data);
    }
}
