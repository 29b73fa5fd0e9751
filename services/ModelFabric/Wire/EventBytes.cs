using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>Server-sent events on their way to a caller, collected until the next flush.</summary>
public sealed class EventBytes
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = CallRequest.DepthMax };
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    public static byte[] Json(JsonNode node) => JsonSerializer.SerializeToUtf8Bytes(node, Relaxed);

    public static byte[] One(string? name, byte[] data)
    {
        var bytes = new EventBytes();
        bytes.Add(name, data);
        return bytes.Written.ToArray();
    }

    public void Add(string? name, JsonNode data) => Add(name, Json(data));

    public void Add(string? name, ReadOnlySpan<byte> data)
    {
        if (name is not null)
        {
            _bytes.Write("event: "u8);
            _bytes.Write(Encoding.UTF8.GetBytes(name));
            _bytes.Write("\n"u8);
        }
        _bytes.Write("data: "u8);
        _bytes.Write(data);
        _bytes.Write("\n\n"u8);
    }

    public void Clear() => _bytes.ResetWrittenCount();
}
