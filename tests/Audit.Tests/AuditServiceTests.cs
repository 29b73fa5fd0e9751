using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RestEase;

namespace AgentPlatform.Audit.Tests;

/// <summary>An event of the other service.</summary>
public abstract record NoteEvent
{
    private NoteEvent()
    {
    }

    [StoredAs("note-taken.1")]
    public sealed record NoteTaken(string Text) : NoteEvent;
}

/// <summary>Audit beside a service that stores events, both over real PostgreSQL and NATS.</summary>
public sealed class AuditServiceTests(Servers servers) : IAsyncLifetime
{
    private static readonly string[] Roles = ["owner", "viewer", "agent", "service"];
    private readonly string _data = Directory.CreateTempSubdirectory("audit-").FullName;
    private readonly string _namespace = $"audit-{Guid.CreateVersion7():n}";
    private string _auditDatabase = "";
    private string _notesDatabase = "";

    public async ValueTask InitializeAsync()
    {
        (_auditDatabase, _notesDatabase) = (await servers.NewDatabase(), await servers.NewDatabase());
        await File.WriteAllBytesAsync(Path.Combine(_data, "master.key"), SHA256.HashData("tests"u8));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path.Combine(_data, "master.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        await File.WriteAllTextAsync(Path.Combine(_data, "service.token"), "token-of-service");
        await File.WriteAllTextAsync(Path.Combine(_data, "principals.json"), JsonSerializer.Serialize(
            Roles.Select(role => new { name = role, role, tokenSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"token-of-{role}"))) })));
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_data, recursive: true);
        return default;
    }

    [Fact]
    public async Task Every_event_of_a_service_arrives_also_what_happened_while_audit_was_away()
    {
        await using var notes = await StartNotes();
        await using (var audit = await StartAudit(notes))
        {
            await Take(notes, "one", "two");
            await Complete(audit, recorded: 2);
        }
        await Take(notes, "three");
        await using var back = await StartAudit(notes);
        await Complete(back, recorded: 3);

        var records = (await Api(back, "viewer").ListRecords(ServiceNames.Orchestrator)).Items;
        Assert.Equal(["one", "two", "three"], records.Select(record => record.Data.GetProperty("Text").GetString()));
        var report = await Api(back, "viewer").Verify();
        Assert.Equal((true, records[^1].Hash), (report.Valid, report.Head));
    }

    [Theory]
    [InlineData("the stream")]
    [InlineData("one in the middle and the last")]
    public async Task Facts_that_JetStream_lost_after_it_acknowledged_them_are_handed_over_again(string lost)
    {
        await using var notes = await StartNotes();
        await using (var audit = await StartAudit(notes))
        {
            await Take(notes, "one", "two");
            await Complete(audit, recorded: 2);
        }
        await Take(notes, "three", "four", "five", "six");
        await HandedOver(notes, upTo: 6);
        await Lose(lost);

        await using var back = await StartAudit(notes);
        await Complete(back, recorded: 6);

        var texts = (await Api(back, "viewer").ListRecords(ServiceNames.Orchestrator)).Items.Select(record => record.Data.GetProperty("Text").GetString());
        Assert.Equal(["five", "four", "one", "six", "three", "two"], texts.Order(StringComparer.Ordinal));
        Assert.True((await Api(back, "viewer").Verify()).Valid);
    }

    [Fact]
    public async Task A_stream_deleted_under_a_running_Audit_is_made_anew_and_filled()
    {
        await using var notes = await StartNotes();
        await using var audit = await StartAudit(notes);
        await Take(notes, "one", "two");
        await Complete(audit, recorded: 2);

        await Lose("the stream");
        await Take(notes, "three", "four");

        await Complete(audit, recorded: 4);
        Assert.True((await Api(audit, "viewer").Verify()).Valid);
    }

    [Fact]
    public async Task An_event_that_audit_lost_is_named_by_parity()
    {
        await using var notes = await StartNotes();
        await using var audit = await StartAudit(notes);
        await Take(notes, "one", "two", "three");
        await Complete(audit, recorded: 3);
        await using (var lose = audit.Services.GetRequiredService<PostgresEventStore>().Database.CreateCommand("delete from ap_audit_records where sequence = 2"))
        {
            await lose.ExecuteNonQueryAsync();
        }

        var report = await Api(audit, "viewer").Parity();
        var view = report.Services.Single(service => service.Service == ServiceNames.Orchestrator);
        Assert.False(report.Complete);
        Assert.Equal((3, 2, new SequenceRange(2, 2)), (view.Stored, view.Recorded, Assert.Single(view.Missing)));
    }

    [Fact]
    public async Task A_service_that_cannot_be_asked_makes_parity_incomplete_and_is_named()
    {
        await using var audit = await StartAudit(notes: null);

        var report = await Api(audit, "owner").Parity();
        Assert.False(report.Complete);
        Assert.Contains("services__orchestrator__http__0", report.Services.Single(service => service.Service == ServiceNames.Orchestrator).Error, StringComparison.Ordinal);
        Assert.Null(report.Services.Single(service => service.Service == ServiceNames.Audit).Error);
    }

    [Theory]
    [InlineData("agent")]
    [InlineData("service")]
    public async Task Records_are_for_people(string role)
    {
        await using var audit = await StartAudit(notes: null);

        Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<ApiException>(() => Api(audit, role).ListRecords())).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await Assert.ThrowsAsync<ApiException>(() => Api(audit, "viewer").ListRecords(service: "nobody"))).StatusCode);
    }

    [Fact]
    public async Task Without_a_master_key_audit_does_not_start()
    {
        File.Delete(Path.Combine(_data, "master.key"));

        Assert.Contains("AGENTPLATFORM_MASTER_KEY_FILE", (await Assert.ThrowsAsync<InvalidOperationException>(() => StartAudit(notes: null))).Message, StringComparison.Ordinal);
    }

    private static IAuditApi Api(WebApplication audit, string role)
    {
        var http = new HttpClient { BaseAddress = new Uri(audit.Urls.First()) };
        http.DefaultRequestHeaders.Authorization = new("Bearer", $"token-of-{role}");
        return RestClients.For<IAuditApi>(http);
    }

    private static async Task Complete(WebApplication audit, long recorded) => await Eventually.Get(
        () => Api(audit, "viewer").Parity(),
        report => report.Services.Single(service => service.Service == ServiceNames.Orchestrator) is { Missing: [], Error: null } view && view.Recorded == recorded,
        $"{recorded} events in Audit");

    private static async Task Take(WebApplication notes, params string[] texts)
    {
        foreach (var text in texts)
        {
            var session = notes.Services.GetRequiredService<IEventStore>().Open();
            session.Append("note-1", ExpectedVersion.Any, new NoteEvent.NoteTaken(text));
            await session.SaveChanges(default);
        }
    }

    private static async Task HandedOver(WebApplication notes, long upTo) => await Eventually.True(
        async () =>
        {
            await using var command = notes.Services.GetRequiredService<PostgresEventStore>().Database.CreateCommand("select coalesce(max(last_seq_id), 0) from mt_event_progression where name = 'ap:audit-relay'");
            return (long)(await command.ExecuteScalarAsync() ?? 0L) >= upTo;
        },
        $"facts up to {upTo} acknowledged by JetStream");

    private async Task Lose(string what)
    {
        using var link = new NatsLink("operator", new MessagingOptions { Url = servers.Nats.Url }, NullLogger<NatsLink>.Instance);
        await link.WaitConnected(default);
        var stream = $"{_namespace}_{JetStream.Commands}";
        if (what == "the stream")
        {
            await Done($"STREAM.DELETE.{stream}", []);
            return;
        }
        var info = JsonSerializer.Deserialize<JsonElement>(await link.Request($"$JS.API.STREAM.INFO.{stream}", [], default));
        var last = info.GetProperty("state").GetProperty("last_seq").GetInt64();
        await Done($"STREAM.MSG.DELETE.{stream}", JsonSerializer.SerializeToUtf8Bytes(new { seq = last - 2 }));
        await Done($"STREAM.MSG.DELETE.{stream}", JsonSerializer.SerializeToUtf8Bytes(new { seq = last }));

        async Task Done(string api, byte[] body) =>
            Assert.True(JsonSerializer.Deserialize<JsonElement>(await link.Request($"$JS.API.{api}", body, default)).GetProperty("success").GetBoolean());
    }

    private async Task<WebApplication> StartNotes()
    {
        var builder = Builder(ServiceNames.Orchestrator, _notesDatabase);
        builder.AddStoreAndBus(EventTypes.Of(typeof(NoteEvent)), static (_, _) => { });
        var app = builder.BuildService();
        await app.StartAsync();
        return app;
    }

    private async Task<WebApplication> StartAudit(WebApplication? notes)
    {
        var builder = Builder(ServiceNames.Audit, _auditDatabase);
        if (notes is not null)
        {
            builder.Configuration[$"services:{ServiceNames.Orchestrator}:http:0"] = notes.Urls.First();
        }
        builder.AddAudit();
        var app = builder.BuildService();
        app.MapAudit();
        await app.StartAsync();
        return app;
    }

    private WebApplicationBuilder Builder(string service, string database)
    {
        var builder = ServiceHost.CreateBuilder(["--urls=http://127.0.0.1:0"], service);
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AGENTPLATFORM_PRINCIPALS"] = Path.Combine(_data, "principals.json"),
            ["AGENTPLATFORM_MASTER_KEY_FILE"] = File.Exists(Path.Combine(_data, "master.key")) ? Path.Combine(_data, "master.key") : null,
            ["AGENTPLATFORM_SERVICE_TOKEN_FILE"] = Path.Combine(_data, "service.token"),
            [$"ConnectionStrings:{service}db"] = database,
            ["ConnectionStrings:nats"] = servers.Nats.Url,
            ["Messaging:Namespace"] = _namespace,
            ["Messaging:EventsBytesMax"] = "16777216",
            ["Messaging:FactsPerMessageMax"] = "1",
            ["Messaging:ReconcileEvery"] = "00:00:00.2",
            ["Messaging:FactsGrace"] = "00:00:00.5",

            // A stop may leave a delivery unacknowledged; until it comes back, the longer grace counts.
            ["Messaging:AckWait"] = "00:00:03",
            ["Messaging:GapGrace"] = "00:00:03",
        });
        return builder;
    }
}
