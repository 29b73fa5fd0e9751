using AgentPlatform.Sessions.Terminals;
using Microsoft.Extensions.Options;

namespace AgentPlatform.Sessions;

/// <summary>Section <c>Sessions</c> of the configuration; checked at start.</summary>
public sealed record SessionsOptions
{
    public const string Section = "Sessions";

    /// <summary>Where the platform keeps its data; <c>AGENTPLATFORM_DATA</c>, else the user's data folder.</summary>
    public string? DataFolder { get; init; }

    /// <summary>
    /// Names this instance of the service across restarts. At start it closes what an earlier life of the same node left open,
    /// so two instances that share a database need two names.
    /// </summary>
    public string Node { get; init; } = Environment.MachineName;

    public int SessionsMax { get; init; } = 32;

    /// <summary>What a terminal runs.</summary>
    public string Shell { get; init; } = File.Exists("/bin/bash") ? "/bin/bash" : "/bin/sh";

    /// <summary>Recordings of closed sessions are deleted after this.</summary>
    public TimeSpan RecordingsKept { get; init; } = TimeSpan.FromDays(30);

    public TerminalOptions Terminal { get; init; } = new();

    public sealed class Validator : IValidateOptions<SessionsOptions>
    {
        public ValidateOptionsResult Validate(string? name, SessionsOptions options)
        {
            List<string> wrong = [];
            void Rule(bool holds, string otherwise)
            {
                if (!holds)
                {
                    wrong.Add($"{Section}:{otherwise}");
                }
            }

            Rule(options.SessionsMax > 0, $"SessionsMax must be positive ({options.SessionsMax})");
            Rule(!string.IsNullOrWhiteSpace(options.Node), "Node must not be empty");
            Rule(File.Exists(options.Shell), $"Shell {options.Shell} does not exist");
            Rule(options.RecordingsKept > TimeSpan.Zero, $"RecordingsKept must be positive ({options.RecordingsKept})");
            var t = options.Terminal;
            Rule(t.ScrollbackBytesMax > 0 && t.ScrollbackChunksMax > 0, "Terminal:ScrollbackBytesMax and ScrollbackChunksMax must be positive");
            Rule(t.SubscriberChunksMax > 0 && t.SubscribersMax > 0, "Terminal:SubscriberChunksMax and SubscribersMax must be positive");
            Rule(t.ReadBytes > 0 && t.WriteBytesMax > 0, "Terminal:ReadBytes and WriteBytesMax must be positive");
            Rule(t.CloseGrace > TimeSpan.Zero && t.WriteDurationMax > TimeSpan.Zero, "Terminal:CloseGrace and WriteDurationMax must be positive");
            return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
        }
    }
}
