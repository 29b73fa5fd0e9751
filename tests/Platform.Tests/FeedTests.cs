using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;

namespace AgentPlatform.Platform.Tests;

/// <summary>What a client of the HTTP surface may rely on: resumable streams, pages, and errors in one form.</summary>
public sealed class FeedTests(PlatformStack stack)
{
    private const int CutAfter = 4;
    private const int PageSize = 5;

    private static readonly string Small = $"""
        name: small
        tasks:
        {string.Join('\n', Enumerable.Range(1, 4).Select(i => $$"""  - { id: w{{i}}, tool: { name: files.write, arguments: { path: work/{{i}}.txt, content: a } } }"""))}
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stream_that_is_cut_again_and_again_tells_every_event_once_and_in_order()
    {
        var run = await stack.StartRun(Small);
        var told = new List<RunEventView>();
        var connections = 0;
        for (var isOver = false; !isOver; connections++)
        {
            (var more, isOver) = await Listen(run.Id, told.Count == 0 ? null : told[^1].Id);
            told.AddRange(more);
        }

        Assert.True(connections > 3, $"{told.Count} events in {connections} connections: nothing was cut");
        Assert.Equal("run-ended.1", told[^1].Type);
        var paged = await Pages(run.Id);
        Assert.Equal(paged.Select(e => (e.Id, e.Stream, e.Version, e.Type)), told.Select(e => (e.Id, e.Stream, e.Version, e.Type)));
        Assert.Equal(paged.Select(e => e.Data.GetRawText()), told.Select(e => e.Data.GetRawText()));
    }

    [Fact]
    public async Task Pages_of_runs_follow_each_other_newest_first_without_gap_or_repetition()
    {
        var started = new List<RunId>();
        for (var i = 0; i < 3; i++)
        {
            started.Add((await stack.StartRun(Small)).Id);
        }

        var listed = new List<RunSummary>();
        string? after = null;
        do
        {
            var page = await stack.Orchestrator.ListRuns(after, limit: 2, Ct);
            Assert.InRange(page.Items.Length, 1, 2);
            listed.AddRange(page.Items);
            after = page.Next;
        }
        while (after is not null);

        Assert.Equal(listed.Count, listed.Select(run => run.Id).Distinct().Count());
        Assert.Equal(Enumerable.Reverse(started), listed.Take(started.Count).Select(run => run.Id));
        foreach (var run in started)
        {
            await stack.Ends(run);
        }
    }

    [Theory]
    [InlineData("orchestrator", "v1/runs")]
    [InlineData("toolgateway", "v1/tools")]
    [InlineData("modelfabric", "admin/providers")]
    [InlineData("sessions", "v1/requests")]
    [InlineData("audit", "v1/records")]
    public async Task Without_a_token_every_service_answers_401_as_problem_details(string service, string path)
    {
        using var stranger = new HttpClient { BaseAddress = stack.Client(service).BaseAddress };
        await IsProblem(await stranger.GetAsync(path, Ct), HttpStatusCode.Unauthorized);
        stranger.DefaultRequestHeaders.Authorization = new("Bearer", "made-up");
        await IsProblem(await stranger.GetAsync(path, Ct), HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("v1/runs/0199e0a4-0000-7000-8000-000000000000", HttpStatusCode.NotFound)]
    [InlineData("v1/runs/not-an-id", HttpStatusCode.BadRequest)]
    [InlineData("v1/runs?limit=100000", HttpStatusCode.BadRequest)]
    [InlineData("v1/runs?after=nowhere", HttpStatusCode.BadRequest)]
    [InlineData("v1/nothing-here", HttpStatusCode.NotFound)]
    public async Task Errors_are_problem_details(string path, HttpStatusCode expected) =>
        await IsProblem(await stack.Client(ServiceNames.Orchestrator).GetAsync(path, Ct), expected);

    private async Task<(List<RunEventView> Events, bool IsOver)> Listen(RunId run, long? after)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"v1/runs/{run}/events");
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (after is { } last)
        {
            request.Headers.Add("Last-Event-ID", $"{last}");
        }

        using var answer = await stack.Client(ServiceNames.Orchestrator).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        await using var body = await answer.Content.ReadAsStreamAsync(Ct);
        var events = new List<RunEventView>();
        await foreach (var item in SseParser.Create(body, (_, bytes) => JsonSerializer.Deserialize<RunEventView>(bytes, ContractJson.Options)!).EnumerateAsync(Ct))
        {
            Assert.Equal($"{item.Data.Id}", item.EventId);
            events.Add(item.Data);
            if (events.Count == CutAfter)
            {
                return (events, IsOver: false);   // Leaving the loop closes the connection in the middle of the stream.
            }
        }

        return (events, IsOver: true);
    }

    private async Task<List<RunEventView>> Pages(RunId run)
    {
        var events = new List<RunEventView>();
        string? next;
        do
        {
            var page = await stack.Orchestrator.ListEvents(run, events.Count == 0 ? null : events[^1].Id, PageSize, Ct);
            Assert.InRange(page.Items.Length, 1, PageSize);
            events.AddRange(page.Items);
            next = page.Next;
        }
        while (next is not null);
        return events;
    }

    private static async Task IsProblem(HttpResponseMessage answer, HttpStatusCode expected)
    {
        using (answer)
        {
            Assert.Equal(expected, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Ct));
            Assert.Equal((int)expected, problem.RootElement.GetProperty("status").GetInt32());
            Assert.NotEmpty(problem.RootElement.GetProperty("type").GetString()!);
            Assert.NotEmpty(problem.RootElement.GetProperty("title").GetString()!);
        }
    }
}
