using System.Text;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ModelFabric.Exchanges;

/// <summary><c>GET /admin/calls/{id}/texts</c>: what was asked and answered, where a policy had it kept. For owners only.</summary>
public static class ShowTexts
{
    public static async Task<IResult> Handle(Guid id, IModelCallLog calls, RecordCalls records, CancellationToken ct)
    {
        await records.Flush(ct);
        var texts = await calls.Texts(id, ct) ?? throw ProblemException.NotFound("kept text", id.ToString());
        return Results.Ok(new { call = id, at = texts.At, until = texts.Until, contentType = texts.ContentType, request = Text(texts.Request), answer = Text(texts.Answer) });
    }

    private static string? Text(ReadOnlyMemory<byte>? bytes) => bytes is { } known ? Encoding.UTF8.GetString(known.Span) : null;
}
