using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Upstream;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Exchanges;

/// <summary>
/// The replay provider: <c>replay/MODEL</c> gives the answer that MODEL gave to the same request of the same principal, and never
/// asks anybody. A request that was not recorded is refused: a made-up answer would be worth less than none.
/// </summary>
public sealed class AnswerFromRecords(IModelCallLog calls, RecordCalls records, IOptions<ModelFabricOptions> options, TimeProvider time)
{
    public async Task Answer(ModelCall call, AnswerSink sink, CancellationToken ct)
    {
        // What was answered a moment ago may still wait to be stored.
        await records.Flush(ct);
        var found = await calls.FindTexts(KeptTexts.KeyOf(call.Principal, call.Request, call.Model), DateTimeOffset.MinValue, ct);
        if (found?.Request is null)
        {
            throw ModelCallException.Invalid("exchange_not_recorded",
                $"No answer of '{call.Model}' to exactly this request of '{call.Principal}' is kept. Have texts kept (PUT /admin/policies/NAME with keepTexts) and ask '{call.Model}' first.", "model", StatusCodes.Status404NotFound);
        }
        if (!call.Request.Stream)
        {
            sink.ContentType = found.ContentType;
            sink.Whole(found.Answer);
            return;
        }
        using var patience = new Patience(options.Value.Upstream.CallDurationMax, time, ct);
        using var events = new MemoryStream(found.Answer.ToArray());
        await new RelayEvents(ProviderKind.Replay, sink, patience, options.Value.Upstream, echo: null).Run(events);
    }
}
