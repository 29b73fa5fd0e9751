namespace AgentPlatform.ModelFabric.Calls;

/// <summary><c>GET /admin/calls?limit=</c>: the latest calls, newest first.</summary>
public static class ListCalls
{
    private const int LimitDefault = 50;
    private const int LimitMax = 500;

    public static async Task<IResult> Handle(IModelCallLog calls, RecordCalls records, CancellationToken ct, int? limit = null)
    {
        await records.Flush(ct);
        return Results.Ok(new { items = await calls.Latest(Math.Clamp(limit ?? LimitDefault, 1, LimitMax), ct) });
    }
}
