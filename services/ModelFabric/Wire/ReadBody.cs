using Microsoft.AspNetCore.Http.Features;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>A request's body, whole and bounded.</summary>
public static class ReadBody
{
    public static async Task<ReadOnlyMemory<byte>> From(HttpContext http, int max, CancellationToken ct)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = max;
        }
        if (http.Request.ContentLength > max)
        {
            throw TooLarge(max);
        }
        using var body = new MemoryStream((int)(http.Request.ContentLength ?? 0));
        try
        {
            await http.Request.Body.CopyToAsync(body, ct);
        }
        catch (BadHttpRequestException tooLarge) when (tooLarge.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw TooLarge(max);
        }
        return body.Length <= max ? body.GetBuffer().AsMemory(0, (int)body.Length) : throw TooLarge(max);
    }

    private static ModelCallException TooLarge(int max) =>
        ModelCallException.Invalid("request_too_large", $"The request exceeds {max} bytes (ModelFabric:RequestBytesMax).", status: StatusCodes.Status413PayloadTooLarge);
}
