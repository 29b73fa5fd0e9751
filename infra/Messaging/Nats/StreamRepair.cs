using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging;

/// <summary>Why a stream may be broken.</summary>
/// <param name="Symptom">What was seen.</param>
/// <param name="Again">Asks the same again: as long as it is refused for a missing file, the stream is broken; null when there is nothing to ask again.</param>
/// <param name="Stuck">The consumer that gets nothing, when that is the symptom.</param>
internal sealed record Suspicion(string Symptom, Func<CancellationToken, Task>? Again, StuckConsumer? Stuck = null);

/// <summary>A consumer that gets nothing although messages wait before it.</summary>
/// <param name="Name">Its durable name.</param>
/// <param name="Delivered">Deliveries when it was last looked at.</param>
internal sealed record StuckConsumer(string Name, long Delivered);

/// <summary>Deletes a stream whose files the server lost, so that it is made anew; PostgreSQL is the truth, and what the stream held is published again.</summary>
/// <remarks>
/// Seen with nats-server 2.9 when a stream is made while the one before is being deleted: the files of the new one are deleted with the old ones. Publishing is
/// refused, or a consumer cannot be made, or, with nothing said but in the server's log, messages are acknowledged, wait, and are never delivered.
/// Nothing is deleted on hearsay. A symptom is a reason to look; deleted is what fails before our own eyes: a message of ours is refused for a missing file, or
/// acknowledged and not to be found, twice; or a consumer is refused again for a missing file. A full disk is none of these. One process looks at a time, and
/// at most once per <see cref="MessagingOptions.StreamRepairEvery"/>: it must store a message in a stream that takes one and forgets it after that time.
/// Services have databases of their own, so the lock is where they meet.
/// A stream that stores and reads may still have a consumer that does not move: seen once in a cluster whose leader came back with an empty disk. It is made anew
/// then, and delivers again what nobody acknowledged; the inbox knows what was handled.
/// </remarks>
internal sealed partial class StreamRepair(JetStream jetStream, MessagingOptions options, FaultPoints faults, TimeProvider time, ILogger log)
{
    private const string Repairs = "REPAIRS";
    private const int NotFound = 10037;
    private const int LimitReached = 10077;
    private const int OtherConfiguration = 10058;

    /// <summary>Looks into a suspicion, and deletes the stream when it proves true.</summary>
    public async Task Look(string stream, Suspicion suspicion, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        if (!await MayLook(stream, suspicion, ct))
        {
            return;
        }

        try
        {
            await faults.Reach(FaultPoint.Suspected);
            if (await Proof(stream, suspicion, ct) is not { } proof)
            {
                if (suspicion.Stuck is { } stuck && await IsStillStuck(stream, stuck, ct))
                {
                    await jetStream.Ask($"$JS.API.CONSUMER.DELETE.{jetStream.StreamOf(stream)}.{stuck.Name}", body: null, ct);
                    ConsumerDeleted(stuck.Name, jetStream.StreamOf(stream), suspicion.Symptom);
                    MessagingTelemetry.ConsumersRepaired.Add(1, new KeyValuePair<string, object?>("consumer", stuck.Name));
                    return;
                }

                NotProven(jetStream.StreamOf(stream), suspicion.Symptom);
                return;
            }

            await faults.Reach(FaultPoint.Condemned);

            if (time.GetElapsedTime(begun) > options.StreamRepairEvery / 2)
            {
                // Too slow: somebody else may look by now, and have made it anew.
                return;
            }

            await jetStream.Ask($"$JS.API.STREAM.DELETE.{jetStream.StreamOf(stream)}", body: null, ct);
            Deleted(jetStream.StreamOf(stream), proof, suspicion.Symptom);
            MessagingTelemetry.StreamsRepaired.Add(1, new KeyValuePair<string, object?>("stream", stream));
            await faults.Reach(FaultPoint.Demolished);
        }
        catch (JetStreamException e) when (e.IsNotThere)
        {
            // Deleted meanwhile: it is made anew.
        }
    }

    private async Task<bool> MayLook(string stream, Suspicion suspicion, CancellationToken ct)
    {
        var config = new JsonObject
        {
            ["name"] = jetStream.StreamOf(Repairs),
            ["subjects"] = new JsonArray(jetStream.SubjectOf("repairs.>")),
            ["retention"] = "limits",
            ["storage"] = "memory",
            ["discard"] = "new",
            ["max_msgs_per_subject"] = 1,
            ["discard_new_per_subject"] = true,
            ["max_age"] = JetStream.Nanoseconds(options.StreamRepairEvery),
            ["num_replicas"] = options.StreamReplicas,
        };
        try
        {
            await jetStream.Ask($"$JS.API.STREAM.CREATE.{jetStream.StreamOf(Repairs)}", config, ct);
        }
        catch (JetStreamException e) when (e.ErrorCode == OtherConfiguration)
        {
            // Made by a service that waits longer or shorter; its time counts.
        }

        try
        {
            await jetStream.Ask(jetStream.SubjectOf($"repairs.{stream}"), new JsonObject { ["symptom"] = suspicion.Symptom }, ct);
            return true;
        }
        catch (JetStreamException e) when (e.ErrorCode == LimitReached)
        {
            return false;
        }
    }

    private async Task<string?> Proof(string stream, Suspicion suspicion, CancellationToken ct)
    {
        if (suspicion.Again is { } again && await Refusal(again, ct) is { } refusal)
        {
            return refusal;
        }

        return await Unreadable(stream, ct) is null ? null : await Unreadable(stream, ct);
    }

    private async Task<bool> IsStillStuck(string stream, StuckConsumer stuck, CancellationToken ct)
    {
        var now = await jetStream.StateOf(stream, stuck.Name, ct);
        return now.Waiting > 0 && now.Delivered == stuck.Delivered;
    }

    private static async Task<string?> Refusal(Func<CancellationToken, Task> ask, CancellationToken ct)
    {
        try
        {
            await ask(ct);
            return null;
        }
        catch (JetStreamException e) when (e.IsLostFile)
        {
            return e.Message;
        }
    }

    // No consumer takes this subject; the message is removed again, and where it is not, because we die here, age removes it.
    private async Task<string?> Unreadable(string stream, CancellationToken ct)
    {
        var stored = default(JsonElement);
        if (await Refusal(async _ => stored = await jetStream.Ask(jetStream.SubjectOf($"{stream.ToLowerInvariant()}.repair.probe"), [], ct), ct) is { } refusal)
        {
            return refusal;
        }

        var place = new JsonObject { ["seq"] = stored.GetProperty("seq").GetInt64() };
        try
        {
            await jetStream.Ask($"$JS.API.STREAM.MSG.GET.{jetStream.StreamOf(stream)}", place, ct);
        }
        catch (JetStreamException e) when (e.ErrorCode == NotFound)
        {
            return $"message {place["seq"]} was acknowledged and cannot be read";
        }

        await jetStream.Ask($"$JS.API.STREAM.MSG.DELETE.{jetStream.StreamOf(stream)}", place, ct);
        return null;
    }

    [LoggerMessage(2011, LogLevel.Error, "Stream {Stream} lost its files on the server ({Proof}) and was deleted, to be made anew; what it held is published again from the databases. First seen: {Symptom}")]
    private partial void Deleted(string stream, string proof, string symptom);

    [LoggerMessage(2013, LogLevel.Error, "Consumer {Consumer} of stream {Stream}, which stores and reads messages, does not move and was deleted, to be made anew; what was not acknowledged is delivered again. First seen: {Symptom}")]
    private partial void ConsumerDeleted(string consumer, string stream, string symptom);

    [LoggerMessage(2012, LogLevel.Warning, "Stream {Stream} was suspected to have lost its files, but stores and reads messages: {Symptom}; it is left as it is")]
    private partial void NotProven(string stream, string symptom);
}
