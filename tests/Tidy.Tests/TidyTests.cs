using System.Text.RegularExpressions;

namespace AgentPlatform.Tidy.Tests;

/// <summary>What a reviewer would say twice. Every message names the remedy.</summary>
public sealed partial class TidyTests(ITestOutputHelper output)
{
    private const int LinesWanted = 400;
    private const int LinesMax = 600;

    // Each of these waits for a cancellation or to be killed, never for time to pass; the proxy is there to delay.
    private static readonly string[] MayDelay =
    [
        "tests/AppHost.Tests/Dashboard/GrpcClient.cs",
        "tests/Messaging.Tests/DeliveryTests.cs",
        "tests/Provisioning.Tests/Processes/ParentToKill.cs",
        "tests/Provisioning.Tests/Programs/ProgramCacheTests.cs",
        "tests/Testing/Faults/FaultyProxy.cs",
    ];

    private static readonly (string From, string[] MayUse)[] Layers =
    [
        ("contracts/", []),
        ("infra/Provisioning/", []),
        ("infra/EventStore/", []),
        ("infra/", ["contracts/", "infra/"]),
        ("ServiceDefaults/", ["contracts/", "infra/EventStore/", "infra/Messaging/"]),
        ("services/Cli/", ["contracts/"]),
        ("services/", ["contracts/", "infra/EventStore/", "infra/Messaging/", "ServiceDefaults/"]),
        ("AppHost/", ["infra/Provisioning/"]),
    ];

    [Fact]
    public void References_point_one_way() => Clean(
        from project in Tree.Projects
        let layer = Layers.FirstOrDefault(layer => project.Path.StartsWith(layer.From, StringComparison.Ordinal))
        where layer.From is not null
        from reference in project.References
        where !layer.MayUse.Any(allowed => reference.StartsWith(allowed, StringComparison.Ordinal))
        select $"{project.Path} → {reference}",
        "Services speak through contracts/, never to each other; move what is shared down to contracts, infra or ServiceDefaults");

    [Fact]
    public void Time_and_chance_come_from_outside() => Clean(
        Tree.Find(Clock(), path => Tree.IsBelow(path, "services", "infra", "ServiceDefaults", "contracts") && !Tree.IsBelow(path, "services/Cli")),
        "Take a TimeProvider instead of the clock, Guid.CreateVersion7 or DerivedId instead of NewGuid, and a seed instead of chance, so that a run can be replayed");

    [Fact]
    public void Tests_do_not_sleep() => Clean(
        Tree.Find(Sleep(), path => Tree.IsBelow(path, "tests") && !Tree.IsBelow(path, "tests/Tidy.Tests") && !MayDelay.Contains(path)),
        "Wait for what must come to be with Eventually, a signal or a FakeTimeProvider; whoever must block for ever goes into MayDelay with a reason");

    [Fact]
    public void Whoever_may_delay_still_does() => Clean(
        MayDelay.Where(path => !Tree.Find(Sleep(), p => p == path).Any()),
        "Remove it from MayDelay");

    [Fact]
    public void Nothing_is_left_for_later() => Clean(
        Tree.Find(Leftover(), path => !Tree.IsBelow(path, "tests/Tidy.Tests")),
        "Finish it, or take it out and open an issue");

    [Fact]
    public void A_switched_off_warning_says_why() => Clean(
        Tree.Find(Pragma(), path => !Tree.IsBelow(path, "tests/Tidy.Tests")).Where(line => !line.Contains("//", StringComparison.Ordinal)),
        "Write the reason behind the pragma, on the same line");

    [Fact]
    public void Files_hold_one_idea()
    {
        foreach (var (path, lines) in Tree.Sources.Where(source => source.Lines.Length is > LinesWanted and <= LinesMax))
        {
            output.WriteLine($"warning: {path} has {lines.Length} lines; more than {LinesWanted} are rarely one idea");
        }

        Clean(Tree.Sources.Where(source => source.Lines.Length > LinesMax).Select(source => $"{source.Path} has {source.Lines.Length} lines"), $"Split it by idea; {LinesMax} lines is the end");
    }

    [Fact]
    public void Every_project_has_a_README() => Clean(
        Tree.Projects.Select(project => Path.GetDirectoryName(project.Path)!.Replace('\\', '/'))
            .Where(folder => !Tree.IsBelow(folder, "tests") && !File.Exists(Path.Combine(Tree.Root, folder, "README.md")))
            .Append("tests").Where(folder => folder != "tests" || !File.Exists(Path.Combine(Tree.Root, "tests/README.md"))),
        "Write README.md beside the project: what it owns, how to run and test it, what goes in, what comes out, which file to open first");

    [Fact]
    public void Everything_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Tree.Root, "AgentPlatform.sln")).Replace('\\', '/');

        Clean(Tree.Projects.Where(project => !solution.Contains($"\"{project.Path}\"", StringComparison.Ordinal)).Select(project => project.Path), "dotnet sln add it");
    }

    [Fact]
    public void Versions_of_packages_stand_in_one_place() => Clean(
        Tree.Projects.Where(project => VersionHere().IsMatch(File.ReadAllText(Path.Combine(Tree.Root, project.Path)))).Select(project => project.Path),
        "Move the version to Directory.Packages.props");

    [Fact]
    public void The_sources_are_found() => Assert.True(Tree.Sources.Count > 200 && Tree.Projects.Count > 15, "The tree was not found; every other test here would pass for nothing");

    private static void Clean(IEnumerable<string> findings, string remedy)
    {
        var found = findings.ToList();
        Assert.True(found.Count == 0, $"{remedy}:\n{string.Join('\n', found)}");
    }

    [GeneratedRegex(@"\bDateTime(Offset)?\.(Utc)?Now\b|\bGuid\.NewGuid\b|\bnew Random\(|\bRandom\.Shared\b", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Clock();

    [GeneratedRegex(@"\bThread\.Sleep\b|\bTask\.Delay\b", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Sleep();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX|NotImplementedException)\b", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Leftover();

    [GeneratedRegex("#pragma warning disable", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Pragma();

    [GeneratedRegex("<PackageReference [^>]*Version=", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex VersionHere();
}
