using System.Text.Json;
using AgentPlatform.AppHost.Model;
using AgentPlatform.AppHost.Stack;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AgentPlatform.AppHost.Tests.Hosts;

/// <summary>What this program is when a test starts it.</summary>
internal static class TestProgram
{
    public static string Assembly => typeof(TestProgram).Assembly.Location;

    public static Task<int> Main(string[] args) => args switch
    {
        ["host", ..] => Host(args[1..]),
        ["service"] => Service(),
        ["crasher"] => Task.FromResult(3),
        ["run", var plan, ..] => Agentctl(plan),
        _ => Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args),
    };

    /// <summary>A small topology with everything the real one has: servers, databases, two services of which one waits for the other.</summary>
    private static Task<int> Host(string[] args)
    {
        var builder = DistributedApplication.CreateBuilder(args);
        var postgres = builder.AddPostgres("postgres", port: 7132);
        var database = postgres.AddDatabase("echodb");
        var nats = builder.AddNats("nats", port: 7122);
        var echo = builder.AddProject("echo", Assembly, "service")
            .WithHttpEndpoint(port: 7101)
            .WithHttpHealthCheck("/health")
            .WithReference(database).WaitFor(database)
            .WithReference(nats).WaitFor(nats);
        builder.AddProject("late", Assembly, "service").WithHttpEndpoint(port: 7102).WithHttpHealthCheck("/health").WithReference(echo).WaitFor(echo);
        return new DistributedApplication(builder.Resources, AgentPlatform.AppHost.Commands.CommandLine.Parse(args)) { Agentctl = Assembly }.RunAsync();
    }

    private static async Task<int> Service()
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        app.MapGet("/health", () => "ok");
        app.MapGet("/environment", () => JsonSerializer.Serialize(Environment.GetEnvironmentVariables()));
        app.MapGet("/process", () => Environment.ProcessId);
        app.MapPost("/say", (HttpRequest request) => Console.Out.WriteLine(request.Query["text"]));
        Console.WriteLine("the service speaks");
        await app.RunAsync();
        return 0;
    }

    /// <summary>Checks what agentctl would rely on, says so on standard output, and ends with the code the plan names.</summary>
    private static async Task<int> Agentctl(string plan)
    {
        var data = Environment.GetEnvironmentVariable("AGENTPLATFORM_DATA")!;
        using var platform = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(data, "platform.json")));
        using var client = new HttpClient();
        var echo = platform.RootElement.GetProperty("endpoints").GetProperty("echo").GetString();
        Console.WriteLine($"agentctl sees {await client.GetStringAsync($"{echo}/health")} from host {platform.RootElement.GetProperty("pid")}");
        return int.Parse((await File.ReadAllTextAsync(plan)).Trim());
    }
}
