using System.Net.Http.Json;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.Platform.Tests;

/// <summary>A secret is where it must be and nowhere else: not in an event, a message, a log, an environment or a file of ours.</summary>
public sealed class SecretsTests(PlatformStack stack)
{
    private const string Canary = "sk-canary-5f0c7e31b9d24a6f8e1d";

    [Fact]
    public async Task A_providers_key_reaches_the_provider_and_is_found_nowhere_else()
    {
        var heard = new List<string?>();
        await using var provider = await StartProvider(heard);
        using var put = await stack.Client(ServiceNames.ModelFabric).PutAsJsonAsync(
            "admin/providers/canary", new { kind = "openai", baseUrl = $"{provider.Urls.Single()}/v1", models = new[] { "echo" }, key = Canary });
        Assert.True(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync());

        var run = await stack.StartRun($$"""
            name: canary
            tasks:
              - { id: ask, agent: { model: canary/echo, prompt: Say something, tools: [files.read] } }
              - { id: look, needs: [ask], tool: { name: shell.run, arguments: { script: "mkdir -p work; env > work/env.txt; {{Runs.Gate("canary")}}" } } }
            """);
        await stack.IsInside(run.Workspace, "canary");
        try
        {
            // The tool is at work: its environment and those of all services are there to be looked at.
            var seen = System.Diagnostics.Process.GetProcesses().Where(process => process.Id != Environment.ProcessId)
                .ToDictionary(process => process.Id, process => Family.Text(process.Id, "cmdline") + '\n' + Family.Text(process.Id, "environ"));
            Assert.Contains(seen, process => process.Value.Contains("inside-canary", StringComparison.Ordinal));
            Assert.All(seen, process => Clean($"environment and command line of process {process.Key}", Encoding.UTF8.GetBytes(process.Value)));
        }
        finally
        {
            await stack.LetGo(run.Workspace, "canary");
        }

        var ended = await stack.Ends(run.Id);
        Assert.True(ended.Status == RunStatus.Succeeded, ended.Reason + stack.Logs(PlatformStack.Services));
        Assert.Equal([$"Bearer {Canary}"], heard);
        Clean("environment of a tool", await stack.Bytes(run.Workspace, "work/env.txt"));
        await stack.Until(() => stack.Audit.Parity(), report => report.Complete, "every event of every service is in Audit");
        foreach (var service in PlatformStack.Services)
        {
            await DatabaseIsClean(service);
        }

        FilesAreClean();
        Clean("output of the AppHost", Encoding.UTF8.GetBytes(stack.HostOutput));
    }

    private async Task DatabaseIsClean(string service)
    {
        await using var database = stack.Database(service);
        var columns = new List<(string Table, string Column, string Type)>();
        await using (var command = database.CreateCommand("""
            select c.table_name, c.column_name, c.data_type from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
            where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.data_type in ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')
            """))
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                columns.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2)));
            }
        }

        Assert.Contains(columns, column => column is { Table: "mt_events", Column: "data" });
        foreach (var (table, column, type) in columns)
        {
            foreach (var secret in Secrets())
            {
                await using var count = database.CreateCommand(type == "bytea"
                    ? $"select count(*) from \"{table}\" where position(convert_to($1, 'UTF8') in \"{column}\") > 0"
                    : $"select count(*) from \"{table}\" where position($1 in \"{column}\"::text) > 0");
                count.Parameters.Add(new NpgsqlParameter { Value = secret });
                Assert.True(await count.ExecuteScalarAsync() is 0L, $"a secret stands in {service}: {table}.{column}");
            }
        }
    }

    /// <summary>Everything the platform wrote: logs, JetStream's files, PostgreSQL's data files and its write-ahead log. Only the owner may find the token where it belongs.</summary>
    private void FilesAreClean()
    {
        // The lock file is the host's alone while it runs, and empty.
        string[] exempt = [Path.Combine(stack.Data, "owner.token"), Path.Combine(stack.Data, "apphost.lock")];
        var files = Directory.EnumerateFiles(stack.Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(file => !exempt.Contains(file)).ToList();
        Assert.Contains(files, file => file.Contains("/logs/", StringComparison.Ordinal));
        Assert.Contains(files, file => file.Contains("/pg_wal/", StringComparison.Ordinal));
        Assert.Contains(files, file => file.Contains("/modelfabric/journal/", StringComparison.Ordinal));
        foreach (var file in files)
        {
            if (Read(file) is { } content)
            {
                Clean(file, content);
            }
        }
    }

    /// <summary>Null when the file is gone: PostgreSQL and NATS replace theirs while they run, and a successor or the database has the content.</summary>
    private static byte[]? Read(string file)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var content = new MemoryStream();
            stream.CopyTo(content);
            return content.ToArray();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException) when (File.Exists(file))
        {
            return Locked(file);
        }
    }

    // A journal is its process's alone, by a lock that .NET heeds and a thief would not.
    private static byte[] Locked(string file)
    {
        using var cat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("cat", [file]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        using var content = new MemoryStream();
        cat.StandardOutput.BaseStream.CopyTo(content);
        cat.WaitForExit();
        Assert.True(cat.ExitCode == 0 || !File.Exists(file), $"{file} could not be read");
        return content.ToArray();
    }

    private void Clean(string where, byte[] content) =>
        Assert.All(Secrets(), secret => Assert.True(content.AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)) < 0, $"a secret stands in clear in: {where}"));

    private string[] Secrets() => [Canary, Convert.ToBase64String(Encoding.UTF8.GetBytes(Canary)), stack.OwnerToken];

    private static async Task<WebApplication> StartProvider(List<string?> heard)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{LoopbackPorts.Next()}");
        var app = builder.Build();
        app.MapPost("/v1/chat/completions", (HttpRequest request) =>
        {
            heard.Add(request.Headers.Authorization);
            return Results.Text("""
                {"id":"c1","object":"chat.completion","created":1,"model":"echo","choices":[{"index":0,"message":{"role":"assistant","content":"something"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}
                """, "application/json");
        });
        await app.StartAsync();
        return app;
    }
}
