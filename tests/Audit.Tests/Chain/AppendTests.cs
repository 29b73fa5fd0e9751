using AgentPlatform.Audit.Chain;
using AgentPlatform.Testing;

namespace AgentPlatform.Audit.Tests.Chain;

public sealed class AppendTests(Servers servers) : ChainFixture(servers)
{
    [Fact]
    public async Task Facts_come_back_in_the_order_they_were_told_with_their_content()
    {
        await Append(Facts("orchestrator", 1, 2, 5));
        await Append(Facts("sessions", 1));
        var page = await ListRecords.Handle(Chain, Ct);

        Assert.Equal([(1, "orchestrator", 1), (2, "orchestrator", 2), (3, "orchestrator", 5), (4, "sessions", 1)], page.Items.Select(r => (r.Index, r.Service, r.Sequence)));
        Assert.Equal("""{"Step":5,"Text":"canary é \u00fc"}""", page.Items[2].Data.GetRawText());
        Assert.Null(page.Next);
        Assert.True((await VerifyChain.Handle(Chain, Ct)).Valid);
    }

    [Fact]
    public async Task Facts_told_twice_or_in_other_portions_are_recorded_once()
    {
        await Append(Facts("orchestrator", 1, 2, 3));
        await Append(Facts("orchestrator", 1, 2, 3));
        await Append(Facts("orchestrator", 2, 3, 4));

        Assert.Equal([1, 2, 3, 4], (await ListRecords.Handle(Chain, Ct)).Items.Select(record => record.Sequence));
    }

    [Fact]
    public async Task Several_writers_make_one_chain()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 10; i++)
            {
                await Append(Facts($"service{writer}", (i * 3) + 1, (i * 3) + 2, (i * 3) + 3));
            }
        }, Ct)));

        var report = await VerifyChain.Handle(Chain, Ct);
        Assert.Equal((true, 240), (report.Valid, report.Records));
        Assert.Equal(240L, await Scalar("select count(distinct (service, sequence)) from ap_audit_records"));
    }

    [Fact]
    public async Task The_content_of_an_event_lies_in_the_database_only_sealed()
    {
        await Append(Facts("orchestrator", 1));

        var row = (string)(await Scalar("select r::text || encode(sealed, 'escape') from (select * from ap_audit_records) r"))!;
        Assert.Contains("step-settled", row, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_are_listed_page_by_page_and_by_service_and_run()
    {
        await Append(Facts("orchestrator", 1, 2, 3));
        await Append(Facts("sessions", 1, 2));
        var first = await ListRecords.Handle(Chain, Ct, service: "sessions", limit: 1);
        var second = await ListRecords.Handle(Chain, Ct, service: "sessions", after: first.Next, limit: 1);

        Assert.Equal((4, 5), (first.Items.Single().Index, second.Items.Single().Index));
        Assert.Null(second.Next);
        Assert.Empty((await ListRecords.Handle(Chain, Ct, run: Contracts.RunId.New())).Items);
    }
}
