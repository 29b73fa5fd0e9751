using System.Net.Http.Json;
using AgentPlatform.Audit.Chain;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Audit.Parity;

/// <summary>
/// <c>GET /v1/parity</c>: asks every service which events its store holds and names those that Audit has not. An event that
/// was stored a moment ago may still be on its way; one that stays missing is lost.
/// </summary>
public sealed class CompareStores(IHttpClientFactory clients, ServiceIdentity self, PostgresEventStore store, ChainStore chain)
{
    private const int MissingShownMax = 100;
    private const int PagesMax = 1000;

    public async Task<ParityReport> Handle(CancellationToken ct)
    {
        var views = await Task.WhenAll(ServiceNames.All.Select(service => Compare(service, ct)));
        return new ParityReport(views.All(view => view is { Error: null, Missing: [] }), views);
    }

    private async Task<ParityView> Compare(string service, CancellationToken ct)
    {
        try
        {
            var stored = await Stored(service, ct);
            var missing = Ranges.Without(stored, await Recorded(service, ct));
            var count = Ranges.Count(stored);
            return new ParityView(service, count, count - Ranges.Count(missing), [.. missing.Take(MissingShownMax)], Error: null);
        }
        catch (Exception unreachable) when (unreachable is HttpRequestException or InvalidOperationException or TaskCanceledException && !ct.IsCancellationRequested)
        {
            return new ParityView(service, 0, 0, [], $"{service} could not be asked: {unreachable.Message}");
        }
    }

    private async Task<List<SequenceRange>> Stored(string service, CancellationToken ct)
    {
        var ranges = new List<SequenceRange>();
        long? after = 0;
        for (var page = 0; after is not null; page++)
        {
            if (page == PagesMax)
            {
                throw new InvalidOperationException($"its store has more than {ranges.Count} ranges of sequences, which is more holes than can be compared");
            }
            var part = service == self.Name ? await StoreSequencesQuery.Handle(self, store, ct, after.Value) : await Ask(service, after.Value, ct);
            ranges.AddRange(part.Ranges);
            after = part.Next;
        }
        return ranges;
    }

    private async Task<StoreSequences> Ask(string service, long after, CancellationToken ct)
    {
        using var http = clients.CreateClient(service);
        return await http.GetFromJsonAsync<StoreSequences>($"v1/store/sequences?after={after}", ContractJson.Options, ct) ?? throw new InvalidOperationException("it answered with nothing");
    }

    private async Task<List<SequenceRange>> Recorded(string service, CancellationToken ct)
    {
        await using var command = chain.Database.CreateCommand(
            """
            select min(sequence), max(sequence)
            from (select sequence, sequence - row_number() over (order by sequence) as island from ap_audit_records where service = $1) s
            group by island order by 1
            """);
        command.Parameters.Add(new() { Value = service });
        var ranges = new List<SequenceRange>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            ranges.Add(new SequenceRange(reader.GetInt64(0), reader.GetInt64(1)));
        }
        return ranges;
    }
}
