using System.Security.Cryptography;
using AgentPlatform.Audit.Chain;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.Testing;

namespace AgentPlatform.Audit.Tests.Chain;

public sealed class VerifyTests(Servers servers) : ChainFixture(servers)
{
    [Fact]
    public async Task An_empty_chain_holds() => Assert.True((await VerifyChain.Handle(Chain, Ct)).Valid);

    [Theory]
    [InlineData("service = 'sessions'")]
    [InlineData("sequence = 99")]
    [InlineData("event_id = gen_random_uuid()")]
    [InlineData("stream = 'run-2'")]
    [InlineData("version = 99")]
    [InlineData("type = 'run-ended.1'")]
    [InlineData("at = at + interval '1 microsecond'")]
    [InlineData("correlation = null")]
    [InlineData("causation = 'another'")]
    [InlineData("sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)")]
    [InlineData("hash = set_byte(hash, 0, get_byte(hash, 0) # 1)")]
    public async Task One_changed_value_is_found_and_the_record_named(string change)
    {
        await Append(Facts("orchestrator", 1, 2, 3));
        await Execute($"update ap_audit_records set {change} where index = 2");
        var report = await VerifyChain.Handle(Chain, Ct);

        Assert.False(report.Valid);
        Assert.Equal((2L, 1L), (report.FirstBad!.Index, report.Records));
        Assert.NotNull(report.Reason);
    }

    [Theory]
    [InlineData("delete from ap_audit_records where index = 2", "record 2 is missing")]
    [InlineData("delete from ap_audit_records where index = 3", "ends at record 2")]
    [InlineData("update ap_audit_head set index = 2", "marked at 2")]
    [InlineData("update ap_audit_head set mac = set_byte(mac, 0, get_byte(mac, 0) # 1)", "not written by Audit")]
    [InlineData("delete from ap_audit_head", "is missing")]
    [InlineData("delete from ap_audit_records", "ends at record 0")]
    public async Task What_was_removed_is_noticed_wherever_it_was(string removal, string reason)
    {
        await Append(Facts("orchestrator", 1, 2, 3));
        await Execute(removal);
        var report = await VerifyChain.Handle(Chain, Ct);

        Assert.False(report.Valid);
        Assert.NotNull(report.FirstBad);
        Assert.Contains(reason, report.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_made_anew_without_the_key_does_not_hold()
    {
        // Who can write the database can compute every hash, but cannot seal the events for their new places nor sign the end.
        await Append(Facts("orchestrator", 1, 2, 3));
        var forger = With(new MasterKey(RandomNumberGenerator.GetBytes(32)));
        await using var connection = await Database.OpenConnectionAsync(Ct);
        var kept = await ChainStore.Read(connection, new ChainQuery(After: 1), Ct).ToListAsync(Ct);
        await Execute("delete from ap_audit_records");
        var previous = AuditRecord.Genesis;
        foreach (var (record, index) in kept.Select((record, i) => (record, i + 1)))
        {
            var forged = record with { Index = index };
            forged = forged with { Hash = forged.ComputeHash(previous) };
            previous = forged.Hash;
            await Execute(
                $"insert into ap_audit_records values ({forged.Index}, '{forged.Service}', {forged.Sequence}, '{forged.EventId}', '{forged.Stream}', {forged.Version}, '{forged.Type}', '{forged.At.UtcDateTime:O}', '{forged.Correlation}', '{forged.Causation}', '\\x{Convert.ToHexString(forged.Sealed)}', '\\x{Convert.ToHexString(forged.Hash)}')");
        }
        await Execute($"update ap_audit_head set index = 2, hash = '\\x{Convert.ToHexString(previous)}', mac = '\\x{Convert.ToHexString(forger.Mac(2, previous))}'");
        var report = await VerifyChain.Handle(Chain, Ct);

        Assert.Equal((false, new AuditRecordRef(1, "orchestrator", 2)), (report.Valid, report.FirstBad));
    }

    [Fact]
    public async Task The_same_facts_with_another_history_have_another_head()
    {
        await Append(Facts("orchestrator", 1));
        var one = await VerifyChain.Handle(Chain, Ct);
        await Append(Facts("orchestrator", 2));
        var two = await VerifyChain.Handle(Chain, Ct);

        Assert.NotEqual(one.Head, two.Head);
        Assert.Equal(two.Head, (await ListRecords.Handle(Chain, Ct)).Items[^1].Hash);
    }
}
