using System.Globalization;
using System.Text.Json;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Who carries an attempt out when it runs unconfined, to show that it is a real one.</summary>
public enum Unconfined
{
    /// <summary>The user that tools run as: only the sandbox's own layers stand in the way.</summary>
    AsTool,

    /// <summary>Root, as the gateway may be: what needs privileges first.</summary>
    AsRoot,
}

/// <summary>What an attempt has to be started with.</summary>
public enum Plan
{
    /// <summary>The locked plan with small limits.</summary>
    Locked,

    /// <summary>TCP to one port is granted; the listener of the stage has another.</summary>
    OtherPortGranted,

    /// <summary>The folder .git of the workspace is protected.</summary>
    GitProtected,
}

/// <summary>One thing a hostile tool would try. <paramref name="Try"/> returns when it worked and throws <see cref="HeldException"/> when it did not.</summary>
/// <param name="Name">A sentence with dashes.</param>
/// <param name="As">Who must be able to do it without the sandbox.</param>
/// <param name="Try">Does it.</param>
/// <param name="Alone">In a process of its own, because it may be killed for it.</param>
/// <param name="Leaves">Prints the id of a process that it leaves behind, which must be gone when the call ended.</param>
/// <param name="Plan">What it is started with.</param>
/// <param name="Where">Why it may be missing on a machine; null when every Linux has it.</param>
public sealed record Attempt(string Name, Unconfined As, Action<Stage> Try, bool Alone = false, bool Leaves = false, Plan Plan = Plan.Locked, string? Where = null)
{
    /// <summary>Only the tool's own user id holds it: where the gateway is not root, tools are its user, and Landlock does not see this.</summary>
    public bool OnlyByIdentity { get; init; }

    /// <summary>The shell script of an attempt that needs nothing else: in the sandbox it runs without this program.</summary>
    public Func<Stage, string>? Script { get; init; }

    /// <summary>Whether the script had its effect, by what it printed.</summary>
    public Func<Stage, string, bool> Worked { get; init; } = static (stage, printed) => printed.Contains(stage.Canary, StringComparison.Ordinal);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Attempt> All { get; } = [.. Files.All, .. Network.All, .. Processes.All, .. KernelSurface.All, .. Commands.All, .. Bombs.All];
}

/// <summary>Where the things are that an attempt is after.</summary>
public sealed record Stage
{
    /// <summary>What secrets contain.</summary>
    public required string Canary { get; init; }

    public required string Workspace { get; init; }

    /// <summary>A folder that every user may write to, with one file for each attempt.</summary>
    public required string Outside { get; init; }

    /// <summary>A file that every user may read, holding the canary.</summary>
    public required string Secret { get; init; }

    /// <summary>A home folder with an .ssh in it.</summary>
    public required string Home { get; init; }

    /// <summary>A data folder of the platform with a master key in it.</summary>
    public required string Data { get; init; }

    /// <summary>Programs with set-uid and capabilities; readable in the sandbox.</summary>
    public required string Tools { get; init; }

    public required int TcpPort { get; init; }
    public required int UdpPort { get; init; }
    public required string UnixStream { get; init; }
    public required string UnixDatagram { get; init; }
    public required string AbstractName { get; init; }
    public required int Gateway { get; init; }
    public required int InheritedDescriptor { get; init; }
    public int Victim { get; init; }
    public long VictimAddress { get; init; }
    public int VictimDescriptor { get; init; }

    /// <summary>The file of one attempt in <see cref="Outside"/>.</summary>
    public string Target(string attempt) => Path.Combine(Outside, attempt);

    public string Inside(string name) => Path.Combine(Workspace, name);

    public static Stage Read(string file) => JsonSerializer.Deserialize<Stage>(File.ReadAllText(file))!;

    public void Write(string file) => File.WriteAllText(file, JsonSerializer.Serialize(this));

    /// <summary>Only what holds the canary is a leak.</summary>
    public void Leaked(string text)
    {
        if (!text.Contains(Canary, StringComparison.Ordinal)) throw new HeldException($"read {text.Length} characters, none of them the secret");
    }
}

/// <summary>The attempt did not work.</summary>
public sealed class HeldException(string why) : Exception(why);

/// <summary>Prints how attempts went.</summary>
public static class Program
{
    public static int Main(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        var stage = Stage.Read(args[1]);
        var user = uint.Parse(args[2], CultureInfo.InvariantCulture);
        if (user != 0) Native.Become(user);
        if (args[0] == "victim") return Victim.Run(stage);
        if (args[0] == "prepare") return KernelSurface.Prepare(stage);
        foreach (var name in args[3..])
        {
            var attempt = Attempt.All.Single(a => a.Name == name);
            string outcome;
            try
            {
                attempt.Try(stage);
                outcome = "escaped\t";
            }
            catch (Exception held) when (held is HeldException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception or OutOfMemoryException)
            {
                outcome = $"held\t{held.GetType().Name}: {held.Message.ReplaceLineEndings(" ")}";
            }
            Console.WriteLine($"{name}\t{outcome}");
        }
        return 0;
    }
}
