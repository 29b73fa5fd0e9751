using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Messaging;

/// <summary>JetStream through its documented request subjects (<c>$JS.API.*</c>); the client library has core NATS only.</summary>
/// <param name="nats">The connection.</param>
/// <param name="options">Bounds.</param>
/// <param name="time">The clock of pauses.</param>
/// <param name="log">Where repairs are told.</param>
/// <param name="faults">For tests.</param>
/// <remarks>https://docs.nats.io/reference/reference-protocols/nats_api_reference</remarks>
public sealed class JetStream(NatsLink nats, MessagingOptions options, TimeProvider? time = null, ILogger<JetStream>? log = null, FaultPoints? faults = null)
{
    /// <summary>Holds every command until its owner has acknowledged it.</summary>
    public const string Commands = "COMMANDS";

    /// <summary>Holds integration events for a while, for every service that wants them.</summary>
    public const string Events = "EVENTS";

    // JetStream's error codes; the first is ours, for the answer without any.
    private const int NobodyThere = -503;
    private const int NoPeers = 10005;
    private const int Unavailable = 10008;
    private const int NotClustered = 10074;

    private readonly ConcurrentDictionary<string, Suspicion> _suspects = new(StringComparer.Ordinal);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Makes both streams, or leaves them as they are; one whose files the server lost is deleted and made anew.</summary>
    /// <param name="ct">Cancels.</param>
    public Task EnsureStreams(CancellationToken ct) => Task.WhenAll(
        EnsureStream(Commands, "commands.>", "workqueue", bytesMax: -1, ct),
        EnsureStream(Events, "events.>", "limits", options.EventsBytesMax, ct));

    /// <summary>Says that a stream behaves as if the server had lost its files; the next <see cref="EnsureStreams"/> looks into it.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="symptom">What was seen.</param>
    /// <param name="stuck">The consumer that showed it.</param>
    internal void Suspect(string stream, string symptom, StuckConsumer? stuck = null) => _suspects.TryAdd(stream, new Suspicion(symptom, Again: null, stuck));

    /// <summary>Publishes and waits until the message is stored.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="payload">The bytes.</param>
    /// <param name="ct">Cancels the wait; the message may be stored all the same.</param>
    /// <exception cref="JetStreamException">The server refused it.</exception>
    /// <exception cref="TimeoutException">No acknowledgement came.</exception>
    public async Task Publish(string subject, byte[] payload, CancellationToken ct)
    {
        try
        {
            CheckStored(await nats.Request(SubjectOf(subject), payload, ct), subject);
            nats.Trust();
        }
        catch (Exception e) when (IsUseless(e))
        {
            nats.Doubt(e.Message);
            throw;
        }
    }

    /// <summary>Publishes all at once; JetStream stores them in the order they arrive on the connection, and the acknowledgements overlap.</summary>
    /// <param name="messages">Subjects and bytes.</param>
    /// <param name="sent">Called when all are on their way.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <returns>By the order of the messages: null when stored, otherwise why not, as far as is known.</returns>
    internal async Task<Exception?[]> PublishAll(IReadOnlyList<(string Subject, byte[] Payload)> messages, Func<Task>? sent, CancellationToken ct)
    {
        var batch = await nats.RequestAll(Prefixed(messages), sent, ct);
        var failures = new Exception?[messages.Count];
        for (var i = 0; i < failures.Length; i++)
        {
            try
            {
                CheckStored(batch.Answers[i] ?? throw batch.Failure ?? new TimeoutException($"JetStream did not acknowledge a message on '{messages[i].Subject}' within {options.RequestTimeout.TotalSeconds:0.#} s"), messages[i].Subject);
            }
            catch (Exception e) when (e is JetStreamException or TimeoutException or IOException)
            {
                failures[i] = e;
            }
        }

        if (failures.FirstOrDefault(f => f is not null && IsUseless(f)) is { } useless)
        {
            nats.Doubt(useless.Message);
        }
        else if (failures.Any(f => f is null))
        {
            nats.Trust();
        }

        return failures;
    }

    /// <summary>Makes a durable pull consumer with explicit acknowledgement, or brings it up to date.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">The durable name: letters, digits, '-' and '_'.</param>
    /// <param name="filter">The subject it takes.</param>
    /// <param name="heldMax">Messages that may be unacknowledged.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ConsumerState> EnsureConsumer(string stream, string name, string filter, int heldMax, CancellationToken ct)
    {
        var config = new JsonObject
        {
            ["durable_name"] = name,
            ["deliver_policy"] = "all",
            ["ack_policy"] = "explicit",
            ["ack_wait"] = Nanoseconds(options.AckWait),
            ["max_deliver"] = -1,
            ["filter_subject"] = SubjectOf(filter),
            ["replay_policy"] = "instant",
            // One pull waits per replica; more than a handful of replicas of one service is not planned for.
            ["max_waiting"] = 64,
            ["max_ack_pending"] = heldMax * 16,
        };
        var stored = StreamOf(stream);
        var (subject, body) = ($"$JS.API.CONSUMER.DURABLE.CREATE.{stored}.{name}", new JsonObject { ["stream_name"] = stored, ["config"] = config });
        try
        {
            return StateOf(await Ask(subject, body, ct));
        }
        catch (JetStreamException e) when (e.IsLostFile)
        {
            _suspects.TryAdd(stream, new Suspicion(e.Message, again => Ask(subject, body, again)));
            throw;
        }
    }

    /// <summary>What a consumer is at.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="name">The durable name.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ConsumerState> StateOf(string stream, string name, CancellationToken ct) =>
        StateOf(await Ask($"$JS.API.CONSUMER.INFO.{StreamOf(stream)}.{name}", body: null, ct));

    internal static long Nanoseconds(TimeSpan time) => time.Ticks * 100;

    /// <summary>The stream's name on the server: several platforms may share one.</summary>
    internal string StreamOf(string stream) => options.Namespace.Length == 0 ? stream : $"{options.Namespace}_{stream}";

    /// <summary>The subject on the server.</summary>
    internal string SubjectOf(string subject) => options.Namespace.Length == 0 ? subject : $"{options.Namespace}.{subject}";

    /// <summary>The subject as the platform knows it.</summary>
    internal string Bare(string subject) => options.Namespace.Length == 0 ? subject : subject[(options.Namespace.Length + 1)..];

    private static ConsumerState StateOf(JsonElement info)
    {
        var (waiting, unacknowledged) = (info.GetProperty("num_pending").GetInt64(), info.GetProperty("num_ack_pending").GetInt64());
        return new ConsumerState(
            waiting,
            unacknowledged,
            info.GetProperty("num_waiting").GetInt64(),
            info.GetProperty("delivered").GetProperty("consumer_seq").GetInt64(),
            unacknowledged < info.GetProperty("config").GetProperty("max_ack_pending").GetInt64());
    }

    private IReadOnlyList<(string Subject, byte[] Payload)> Prefixed(IReadOnlyList<(string Subject, byte[] Payload)> messages) =>
        options.Namespace.Length == 0 ? messages : [.. messages.Select(m => (SubjectOf(m.Subject), m.Payload))];

    private void CheckStored(byte[] answer, string subject)
    {
        // An empty answer is the server's "no responders": no stream takes this subject.
        if (answer.Length == 0)
        {
            throw new JetStreamException($"No JetStream stream takes '{subject}'") { ErrorCode = NobodyThere };
        }

        // Thousands a second say {"stream":…,"seq":…}; only the others are worth reading.
        if (answer.AsSpan().IndexOf("\"error\""u8) >= 0)
        {
            try
            {
                ThrowOnError(JsonSerializer.Deserialize<JsonElement>(answer), $"publish to '{subject}'");
            }
            catch (JetStreamException e) when (e.IsLostFile)
            {
                _suspects.TryAdd(subject.StartsWith("events.", StringComparison.Ordinal) ? Events : Commands, new Suspicion(e.Message, Again: null));
                throw;
            }
        }
    }

    private async Task EnsureStream(string name, string subjects, string retention, long bytesMax, CancellationToken ct)
    {
        var config = new JsonObject
        {
            ["name"] = StreamOf(name),
            ["subjects"] = new JsonArray(SubjectOf(subjects)),
            ["retention"] = retention,
            ["storage"] = "file",
            ["discard"] = "old",
            ["max_age"] = Nanoseconds(options.MessageAgeMax),
            ["max_bytes"] = bytesMax,
            ["num_replicas"] = options.StreamReplicas,
        };
        if (_suspects.TryRemove(name, out var suspicion))
        {
            await new StreamRepair(this, options, faults ?? new FaultPoints(), _time, log ?? NullLogger<JetStream>.Instance).Look(name, suspicion, ct);
        }

        if (await ConfigOf(name, ct) is not { } there)
        {
            // Not at once: while a stream is being deleted, nats-server 2.9 has forgotten it and deletes its files a moment later, also those of a new one.
            await Task.Delay(options.StreamMakePause, _time, ct);
            await Make(StreamOf(name), config, ct);
        }
        else if (!config.All(p => there.TryGetProperty(p.Key, out var value) && JsonNode.DeepEquals(p.Value, JsonNode.Parse(value.GetRawText()))))
        {
            await Ask($"$JS.API.STREAM.UPDATE.{StreamOf(name)}", config, ct);
        }
    }

    private async Task Make(string stream, JsonObject config, CancellationToken ct)
    {
        try
        {
            await Ask($"$JS.API.STREAM.CREATE.{stream}", config, ct);
        }
        catch (JetStreamException e) when (e.ErrorCode == 10058)
        {
            // 10058: somebody made it meanwhile with another configuration, for example with other replicas.
            await Ask($"$JS.API.STREAM.UPDATE.{stream}", config, ct);
        }
    }

    private async Task<JsonElement?> ConfigOf(string stream, CancellationToken ct)
    {
        try
        {
            return (await Ask($"$JS.API.STREAM.INFO.{StreamOf(stream)}", body: null, ct)).GetProperty("config");
        }
        catch (JetStreamException e) when (e.IsNotThere)
        {
            return null;
        }
    }

    internal async Task<JsonElement> Ask(string subject, JsonObject? body, CancellationToken ct)
    {
        try
        {
            var answer = await Answer(subject, body, ct);
            if (IsLeaderless(answer))
            {
                nats.Doubt("it knows no leader of what it was asked about");
            }
            else
            {
                nats.Trust();
            }

            return answer;
        }
        catch (JetStreamException e) when (e.ErrorCode is NotClustered or NoPeers)
        {
            throw new JetStreamException(
                $"JetStream cannot keep {options.StreamReplicas} copies of a stream ({e.Message}). Messaging:StreamReplicas is 1 for a single NATS server; for {options.StreamReplicas}, as many nodes of one cluster must be up")
            { ErrorCode = e.ErrorCode };
        }
        catch (Exception e) when (IsUseless(e))
        {
            nats.Doubt(e.Message);
            throw;
        }
    }

    // A node that was cut off from its cluster keeps its clients and does nothing for them: no answer, nobody who takes the message, or "unavailable".
    private static bool IsUseless(Exception e) => e is TimeoutException or JetStreamException { ErrorCode: NobodyThere or Unavailable };

    // Such a node still tells what it last knew of a stream, for as long as it is asked; that is no sign of health, and what it says of leaders gives it away.
    private static bool IsLeaderless(JsonElement answer) =>
        answer.TryGetProperty("cluster", out var cluster) && !(cluster.TryGetProperty("leader", out var leader) && leader.GetString() is { Length: > 0 });

    private async Task<JsonElement> Answer(string subject, JsonObject? body, CancellationToken ct)
    {
        var answer = await nats.Request(subject, body is null ? [] : JsonSerializer.SerializeToUtf8Bytes(body), ct);
        if (answer.Length == 0)
        {
            throw new JetStreamException("The NATS server runs without JetStream: start it with -js or a jetstream block in its configuration") { ErrorCode = NobodyThere };
        }

        var json = JsonSerializer.Deserialize<JsonElement>(answer);
        ThrowOnError(json, subject);
        return json;
    }

    private static void ThrowOnError(JsonElement answer, string what)
    {
        if (answer.TryGetProperty("error", out var error))
        {
            var code = error.TryGetProperty("err_code", out var c) ? c.GetInt32() : 0;
            throw new JetStreamException($"JetStream refused {what}: {error.GetProperty("description").GetString()} ({code})") { ErrorCode = code };
        }
    }
}
