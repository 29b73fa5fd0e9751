using System.Text;
using Microsoft.Net.Http.Headers;

namespace AgentPlatform.ModelFabric.Wire.Transcriptions;

/// <summary>
/// Finds the model and the wish to stream in a multipart form, without touching the rest: the sound is passed on as it came.
/// </summary>
internal static class ReadForm
{
    private const int PartsMax = 64;
    private const int ValueBytesMax = 400;

    public static CallRequest From(WireFormat format, ReadOnlyMemory<byte> body, string? contentType)
    {
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 70 } boundary)
        {
            throw ModelCallException.Invalid("invalid_form", "The request must be multipart/form-data with a boundary.");
        }
        string? model = null;
        Range token = default;
        var (stream, file) = (false, false);
        foreach (var (name, value) in Parts(body, Encoding.UTF8.GetBytes("--" + boundary.Value)))
        {
            switch (name)
            {
                case "model":
                    if (model is not null)
                    {
                        throw ModelCallException.Invalid("duplicate_property", "The form names 'model' twice.", "model");
                    }
                    (model, token) = (Text(body[value], "model"), value);
                    break;
                case "stream":
                    stream = Text(body[value], "stream").Equals("true", StringComparison.OrdinalIgnoreCase);
                    break;
                case "file":
                    file = true;
                    break;
            }
        }
        if (!file)
        {
            throw ModelCallException.Invalid("missing_file", "The form has no 'file'.", "file");
        }
        return string.IsNullOrWhiteSpace(model)
            ? throw ModelCallException.Invalid("missing_model", "The form names no 'model'. Use provider/model; GET /v1/models lists them.", "model")
            : new CallRequest(format, body, model, token, stream, IncludeUsage: false) { ContentType = contentType! };
    }

    private static string Text(ReadOnlyMemory<byte> value, string name) => value.Length <= ValueBytesMax
        ? Encoding.UTF8.GetString(value.Span).Trim()
        : throw ModelCallException.Invalid("invalid_form", $"The form's '{name}' is longer than {ValueBytesMax} bytes.", name);

    private static List<(string Name, Range Value)> Parts(ReadOnlyMemory<byte> body, byte[] delimiter)
    {
        var parts = new List<(string, Range)>();
        var at = body.Span.IndexOf(delimiter);
        while (at >= 0)
        {
            var start = at + delimiter.Length;
            var rest = body.Span[start..];
            if (rest.StartsWith("--"u8))
            {
                return parts;
            }
            var head = rest.IndexOf("\r\n\r\n"u8);
            var next = rest.IndexOf([.. "\r\n"u8, .. delimiter]);
            if (head < 0 || next < head || parts.Count == PartsMax)
            {
                break;
            }
            parts.Add((Name(Encoding.UTF8.GetString(rest[..head])), new Range(start + head + 4, Math.Max(start + next, start + head + 4))));
            at = start + next + 2;
        }
        throw ModelCallException.Invalid("invalid_form", $"The form is cut short or has more than {PartsMax} parts.");
    }

    private static string Name(string head)
    {
        foreach (var line in head.Split("\r\n", StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("Content-Disposition:", StringComparison.OrdinalIgnoreCase) && ContentDispositionHeaderValue.TryParse(line["Content-Disposition:".Length..].Trim(), out var disposition))
            {
                return HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "";
            }
        }
        return "";
    }
}
