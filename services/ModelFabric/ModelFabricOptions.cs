using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric;

/// <summary>Section <c>ModelFabric</c> of the configuration; checked at start.</summary>
public sealed record ModelFabricOptions
{
    public const string Section = "ModelFabric";

    /// <summary>Folders with scripts, <c>NAME.yaml</c> each; the first that has the name wins, a run's own workspace before all of them.</summary>
    public string[] ScriptFolders { get; init; } = [];

    /// <summary>Where the platform keeps its data; <c>AGENTPLATFORM_DATA</c>, else the user's data folder.</summary>
    public string? DataFolder { get; init; }

    public static string FolderOf(ModelFabricOptions options, IConfiguration configuration) =>
        options.DataFolder ?? configuration["AGENTPLATFORM_DATA"]
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "agentplatform");

    /// <summary>Providers that the operator fixes; they cannot be changed over HTTP.</summary>
    public Dictionary<string, ConfiguredProvider> Providers { get; init; } = [];

    /// <summary>The bound on an answer where the provider's format demands one and the caller's gave none.</summary>
    public int AnswerTokensMaxDefault { get; init; } = 8192;

    public int RequestBytesMax { get; init; } = 32 * 1024 * 1024;
    public int ProvidersMax { get; init; } = 64;

    /// <summary>How long the list of providers is remembered between calls; changes made by another replica show after this.</summary>
    public TimeSpan ProvidersFreshFor { get; init; } = TimeSpan.FromSeconds(1);

    public int ModelsPerProviderMax { get; init; } = 512;
    public int ModelsListedMax { get; init; } = 1000;

    /// <summary>How many model ids a "not found" names.</summary>
    public int ModelsNamedInErrorMax { get; init; } = 20;

    /// <summary>An answer larger than this is not kept for repetition; the same Idempotency-Key then calls again.</summary>
    public int RecordedAnswerBytesMax { get; init; } = 1024 * 1024;

    /// <summary>How long a recorded answer can be repeated; longer than anybody retries.</summary>
    public TimeSpan AnswersKept { get; init; } = TimeSpan.FromDays(14);

    public ScriptOptions Script { get; init; } = new();
    public UpstreamOptions Upstream { get; init; } = new();
    public BudgetOptions Budgets { get; init; } = new();
    public RouterOptions Router { get; init; } = new();
    public RecordOptions Records { get; init; } = new();
    public PolicyOptions Policies { get; init; } = new();

    public sealed record ScriptOptions
    {
        public int FileBytesMax { get; init; } = 1024 * 1024;
        public int NodesMax { get; init; } = 20_000;
        public int AnswerCharactersMax { get; init; } = 1024 * 1024;
        public int ScriptsListedMax { get; init; } = 500;
        public TimeSpan DelayMax { get; init; } = TimeSpan.FromMinutes(1);
    }

    public sealed record UpstreamOptions
    {
        public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

        /// <summary>From sending the request to the first byte of the answer's body; large prompts on local models take their time.</summary>
        public TimeSpan FirstByteTimeout { get; init; } = TimeSpan.FromMinutes(5);

        /// <summary>The longest silence between two pieces of an answer.</summary>
        public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(90);

        public TimeSpan CallDurationMax { get; init; } = TimeSpan.FromMinutes(30);
        public int RetriesMax { get; init; } = 2;
        public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(500);

        /// <summary>A longer Retry-After is handed to the client instead of being waited for.</summary>
        public TimeSpan RetryAfterMax { get; init; } = TimeSpan.FromSeconds(20);

        public int AnswerBytesMax { get; init; } = 32 * 1024 * 1024;
        public int EventBytesMax { get; init; } = 1024 * 1024;
        public int ErrorBytesMax { get; init; } = 64 * 1024;
        public int ErrorCharactersMax { get; init; } = 2000;
        public int ConnectionsPerServerMax { get; init; } = 256;

        /// <summary>Off by default: a proxy named by the environment would take calls to local models off the machine.</summary>
        public bool UseSystemProxy { get; init; }
    }

    public sealed record RouterOptions
    {
        public int RoutesMax { get; init; } = 128;
        public int CandidatesMax { get; init; } = 32;

        /// <summary>Calls at the same time to a provider that has no bound of its own.</summary>
        public int ConcurrentCallsMax { get; init; } = 256;

        /// <summary>More calls than these do not wait for a place, they are refused at once.</summary>
        public int CallsWaitingMax { get; init; } = 1024;

        public TimeSpan WaitMax { get; init; } = TimeSpan.FromSeconds(30);

        /// <summary>A provider is not asked for <see cref="CircuitOpen"/> when, of at least <see cref="CircuitCallsMin"/> calls within <see cref="CircuitSampling"/>, this share failed.</summary>
        public double CircuitFailureRatio { get; init; } = 0.5;

        public int CircuitCallsMin { get; init; } = 10;
        public TimeSpan CircuitSampling { get; init; } = TimeSpan.FromSeconds(30);
        public TimeSpan CircuitOpen { get; init; } = TimeSpan.FromSeconds(15);
    }

    public sealed record RecordOptions
    {
        /// <summary>Calls that end within this time share the commit of their records; until then the journal has them.</summary>
        public TimeSpan GatheredFor { get; init; } = TimeSpan.FromMilliseconds(5);

        public int PerCommitMax { get; init; } = 64;

        /// <summary>Texts that a policy has kept are forgotten after this.</summary>
        public TimeSpan TextsKept { get; init; } = TimeSpan.FromDays(30);

        /// <summary>A question or an answer larger than this is not kept.</summary>
        public int TextBytesMax { get; init; } = 1024 * 1024;

        /// <summary>After so much the journal goes on in another file; one whose calls are all in the store is deleted.</summary>
        public int JournalBytesMax { get; init; } = 8 * 1024 * 1024;

        /// <summary>How often a process looks for the journals of others that died.</summary>
        public TimeSpan RecoveredEvery { get; init; } = TimeSpan.FromSeconds(30);

        /// <summary>With so many records waiting, because the store is away, no further call is begun.</summary>
        public int WaitingMax { get; init; } = 10_000;
    }

    public sealed record PolicyOptions
    {
        public int PoliciesMax { get; init; } = 128;
        public int HostsMax { get; init; } = 100;
        public int RedactionsMax { get; init; } = 100;
    }

    public sealed record BudgetOptions
    {
        /// <summary>What stands on the counters of days that are over is forgotten after this; the sums of usage stay.</summary>
        public TimeSpan CountersKept { get; init; } = TimeSpan.FromDays(90);

        public int BudgetsMax { get; init; } = 256;

        /// <summary>What is set aside for an answer whose request bounds it not.</summary>
        public int AnswerTokensReserved { get; init; } = 4096;

        /// <summary>What an image, a sound or a document in a request is taken to cost in tokens.</summary>
        public int MediaTokensReserved { get; init; } = 1600;

        /// <summary>After this a reservation whose call never ended, because its process died, is free again.</summary>
        public TimeSpan ReservationsKept { get; init; } = TimeSpan.FromMinutes(35);

        public int UsageRowsMax { get; init; } = 1000;
        public int UsageDaysMax { get; init; } = 366;
    }

    public sealed record ConfiguredProvider
    {
        /// <summary>openai, anthropic or gemini; openai when neither this nor a preset is given.</summary>
        public string? Kind { get; init; }

        /// <summary>A provider known by name; it says the kind and may say the base URL.</summary>
        public string? Preset { get; init; }

        public string BaseUrl { get; init; } = "";
        public string[] Models { get; init; } = [];
        public bool AllowRemote { get; init; }
        public Providers.ModelCard[] Cards { get; init; } = [];
        public int? ConcurrentCallsMax { get; init; }
        public int? CallsPerMinuteMax { get; init; }

        /// <summary>A file with the key; a key itself has no place in configuration.</summary>
        public string? KeyFile { get; init; }
    }

    /// <summary>Contradictions are named at start; a service with wrong options does not run.</summary>
    public sealed class Validator : IValidateOptions<ModelFabricOptions>
    {
        public ValidateOptionsResult Validate(string? name, ModelFabricOptions options)
        {
            var u = options.Upstream;
            string[] wrong = [
                .. Positive(nameof(RequestBytesMax), options.RequestBytesMax),
                .. Positive(nameof(AnswerTokensMaxDefault), options.AnswerTokensMaxDefault),
                .. Positive(nameof(ProvidersMax), options.ProvidersMax),
                .. Positive(nameof(ModelsPerProviderMax), options.ModelsPerProviderMax),
                .. Positive(nameof(ModelsListedMax), options.ModelsListedMax),
                .. Positive("Script:FileBytesMax", options.Script.FileBytesMax),
                .. Positive("Script:NodesMax", options.Script.NodesMax),
                .. Positive("Upstream:AnswerBytesMax", u.AnswerBytesMax),
                .. Positive("Upstream:EventBytesMax", u.EventBytesMax),
                .. Positive("Upstream:ConnectionsPerServerMax", u.ConnectionsPerServerMax),
                .. Rule(options.AnswersKept > u.CallDurationMax, $"AnswersKept must exceed Upstream:CallDurationMax ({options.AnswersKept}, {u.CallDurationMax})"),
                .. Rule(options.ProvidersFreshFor >= TimeSpan.Zero, $"ProvidersFreshFor must not be negative ({options.ProvidersFreshFor})"),
                .. Rule(u.RetriesMax is >= 0 and <= 10, $"Upstream:RetriesMax must lie between 0 and 10 ({u.RetriesMax})"),
                .. Positive("Router:ConcurrentCallsMax", options.Router.ConcurrentCallsMax),
                .. Positive("Router:CallsWaitingMax", options.Router.CallsWaitingMax),
                .. Rule(options.Router.WaitMax > TimeSpan.Zero, $"Router:WaitMax must be positive ({options.Router.WaitMax})"),
                .. Rule(options.Router.CircuitFailureRatio is > 0 and <= 1, $"Router:CircuitFailureRatio must lie between 0 and 1 ({options.Router.CircuitFailureRatio})"),
                .. Rule(options.Router.CircuitCallsMin >= 2, $"Router:CircuitCallsMin must be at least 2 ({options.Router.CircuitCallsMin})"),
                .. Rule(Half(options.Router.CircuitSampling) && Half(options.Router.CircuitOpen),
                    $"Router:CircuitSampling and CircuitOpen must lie between 0.5 s and a day ({options.Router.CircuitSampling}, {options.Router.CircuitOpen})"),
                .. Rule(options.Records.GatheredFor >= TimeSpan.Zero && options.Records.GatheredFor <= TimeSpan.FromSeconds(1), $"Records:GatheredFor must lie between 0 and 1 s ({options.Records.GatheredFor})"),
                .. Rule(options.Records.PerCommitMax is >= 1 and <= 100, $"Records:PerCommitMax must lie between 1 and 100 ({options.Records.PerCommitMax})"),
                .. Positive("Records:WaitingMax", options.Records.WaitingMax),
                .. Positive("Records:JournalBytesMax", options.Records.JournalBytesMax),
                .. Rule(options.Records.RecoveredEvery > TimeSpan.Zero, $"Records:RecoveredEvery must be positive ({options.Records.RecoveredEvery})"),
                .. Positive("Records:TextBytesMax", options.Records.TextBytesMax),
                .. Positive("Policies:PoliciesMax", options.Policies.PoliciesMax),
                .. Rule(options.Budgets.CountersKept > TimeSpan.FromDays(1) + u.CallDurationMax, $"Budgets:CountersKept must exceed a day and Upstream:CallDurationMax ({options.Budgets.CountersKept})"),
                .. Positive("Budgets:AnswerTokensReserved", options.Budgets.AnswerTokensReserved),
                .. Positive("Budgets:MediaTokensReserved", options.Budgets.MediaTokensReserved),
                .. Rule(options.Budgets.ReservationsKept > u.CallDurationMax,
                    $"Budgets:ReservationsKept must exceed Upstream:CallDurationMax ({options.Budgets.ReservationsKept}, {u.CallDurationMax}), else a call at work loses what was set aside for it"),
                .. Rule(u.ConnectTimeout > TimeSpan.Zero, $"Upstream:ConnectTimeout must be positive ({u.ConnectTimeout})"),
                .. Rule(u.IdleTimeout > TimeSpan.Zero, $"Upstream:IdleTimeout must be positive ({u.IdleTimeout})"),
                .. Rule(u.FirstByteTimeout > u.ConnectTimeout, $"Upstream:FirstByteTimeout must exceed ConnectTimeout ({u.FirstByteTimeout}, {u.ConnectTimeout})"),
                .. Rule(u.CallDurationMax >= u.FirstByteTimeout, $"Upstream:CallDurationMax must not be below FirstByteTimeout ({u.CallDurationMax}, {u.FirstByteTimeout})"),
            ];
            return wrong.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong.Select(text => $"{Section}:{text}"));
        }

        private static bool Half(TimeSpan span) => span >= TimeSpan.FromSeconds(0.5) && span <= TimeSpan.FromDays(1);

        private static string[] Positive(string option, int value) => Rule(value > 0, $"{option} must be positive ({value})");

        private static string[] Rule(bool holds, string otherwise) => holds ? [] : [otherwise];
    }
}
