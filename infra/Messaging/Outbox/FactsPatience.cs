namespace AgentPlatform.Messaging;

/// <summary>Decides when facts have to be handed over again, from what Audit tells it has.</summary>
/// <param name="options">How long to bear a standstill.</param>
/// <param name="time">The clock.</param>
internal sealed class FactsPatience(MessagingOptions options, TimeProvider time)
{
    // The patience doubles with every try that did not help, up to 64 times: facts that Audit cannot take must not keep the bus busy.
    private const int DoublingsMax = 6;

    private Standstill? _standstill;

    /// <summary>After which fact to begin again, if what was handed over does not arrive.</summary>
    /// <param name="told">What Audit has.</param>
    /// <param name="handedOver">The last fact that JetStream acknowledged.</param>
    public long? BeginAgainAfter(FactsTold told, long handedOver)
    {
        if (told.Complete >= handedOver)
        {
            _standstill = null;
            return null;
        }

        if (_standstill is not { } still || still.Mark != told.Complete)
        {
            _standstill = new Standstill(told.Complete, time.GetTimestamp(), Tries: 0);
            return null;
        }

        var patience = (told.IsDrained ? options.FactsGrace : options.GapGrace) * (1 << Math.Min(still.Tries, DoublingsMax));
        if (time.GetElapsedTime(still.Since) < patience)
        {
            return null;
        }

        _standstill = new Standstill(still.Mark, time.GetTimestamp(), still.Tries + 1);
        return still.Mark;
    }

    /// <summary>Since when Audit stands at a mark behind what it was handed, or was last handed it again, and how often it was.</summary>
    private sealed record Standstill(long Mark, long Since, int Tries);
}
