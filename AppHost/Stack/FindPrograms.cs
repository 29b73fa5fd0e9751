using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.AppHost.Stack;

/// <summary>Finds or fetches what the chosen resources need; all at once, because each may have to be downloaded.</summary>
internal static class FindPrograms
{
    public static async Task<FoundPrograms> Run(IReadOnlyList<Resource> chosen, Commands.AppHostOptions options, Terminal terminal, CancellationToken ct)
    {
        var finder = new ProgramFinder(new ProgramFinderOptions { Progress = terminal.Say });
        var postgres = IsOurs<PostgresResource>() ? finder.FindPostgres(ct) : null;
        var nats = IsOurs<NatsResource>() ? finder.FindNatsServer(ct) : null;
        var dashboard = options.UseDashboard ? Optional(finder.FindDashboard(ct), "The dashboard is left out", terminal) : null;
        var pdf = chosen.OfType<ProjectResource>().Any() ? Optional(finder.FindPdfToText(ct), "PDF files cannot be read", terminal) : null;
        await Task.WhenAll(new Task?[] { postgres, nats, dashboard, pdf }.OfType<Task>());
        return new FoundPrograms(
            postgres is null ? null : await postgres,
            nats is null ? null : await nats,
            dashboard is null ? null : await dashboard,
            pdf is null ? null : await pdf);

        bool IsOurs<T>()
            where T : Resource => chosen.OfType<T>().Any(resource => !options.External.ContainsKey(resource.Name));
    }

    private static async Task<T?> Optional<T>(Task<T> search, string otherwise, Terminal terminal)
        where T : class
    {
        try
        {
            return await search;
        }
        catch (ProgramMissingException missing)
        {
            terminal.Say($"warning: {otherwise}: {missing.Message}");
            return null;
        }
    }
}
