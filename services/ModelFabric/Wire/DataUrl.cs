using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary><c>data:image/png;base64,…</c>, the way OpenAI's formats carry bytes.</summary>
internal static class DataUrl
{
    public static Part.Media Read(MediaKind kind, string url, string path)
    {
        if (!url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            return new Part.Media(kind, Type: null, Data: null, url);
        }
        var comma = url.IndexOf(',', StringComparison.Ordinal);
        if (comma < 0 || !url.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            throw ModelCallException.Invalid("invalid_data_url", $"'{path}' must be an address or data:TYPE;base64,DATA.", path);
        }
        return new Part.Media(kind, url[5..comma].Split(';')[0], url[(comma + 1)..], Url: null);
    }

    public static string Write(Part.Media media) => media.Url ?? $"data:{media.Type};base64,{media.Data}";
}
