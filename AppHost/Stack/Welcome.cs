using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Logs;

namespace AgentPlatform.AppHost.Stack;

/// <summary>Says where everything is.</summary>
internal static class Welcome
{
    public static void Print(RunningStack stack, TimeSpan took, Terminal terminal)
    {
        var login = stack.Context.HasDashboard ? $"{stack.Context.DashboardUrl}/login?t={stack.Context.Credentials.DashboardLoginToken}" : null;
        terminal.Say("");
        terminal.Say($"AgentPlatform runs ({took.TotalSeconds:0.0} s).");
        foreach (var (name, url) in stack.Endpoints)
        {
            terminal.Say($"  {name,-13} {(name == LaunchDashboard.Name ? login : url)}");
        }

        terminal.Say($"  {"data",-13} {stack.Context.Data.Path}");
        terminal.Say($"  {"owner token",-13} {stack.Context.Data.OwnerToken}");
        terminal.Say($"  {"logs",-13} {stack.Context.Data.Logs}");
        terminal.Say("Stop with Ctrl-C.");
    }
}
