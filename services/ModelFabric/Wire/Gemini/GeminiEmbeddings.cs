using System.Buffers.Binary;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Upstream;

namespace AgentPlatform.ModelFabric.Wire.Gemini;

/// <summary>OpenAI's embeddings from Google's <c>batchEmbedContents</c>, and the answer back.</summary>
public static class GeminiEmbeddings
{
    private const int TextsMax = 2048;

    public static UpstreamRequest Prepare(ModelCall call, Passage passage, AnswerSink sink)
    {
        using var document = JsonDocument.Parse(call.Request.Body);
        var (texts, dimensions, base64) = (Array.Empty<string>(), default(long?), false);
        foreach (var property in document.RootElement.EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                case "input" when value.ValueKind == JsonValueKind.String:
                    texts = [value.GetString()!];
                    break;
                case "input":
                    passage.Require(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is > 0 and <= TextsMax && value.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String),
                        "input", $"It takes a text or 1 to {TextsMax} texts, no lists of tokens.");
                    texts = [.. value.EnumerateArray().Select(one => one.GetString()!)];
                    break;
                case "dimensions":
                    dimensions = value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number > 0 ? number : throw passage.CannotCarry("dimensions", "It must be a positive number.");
                    break;
                case "encoding_format":
                    base64 = value.ValueKind == JsonValueKind.String && value.ValueEquals("base64"u8);
                    passage.Require(base64 || value.ValueKind == JsonValueKind.String && value.ValueEquals("float"u8), "encoding_format", "It is float or base64.");
                    break;
                case "user":
                    passage.LeaveHint("user");
                    break;
                case not "model":
                    passage.Require(value.ValueKind == JsonValueKind.Null, property.Name);
                    break;
            }
        }
        var model = "models/" + call.Model;
        var body = EventBytes.Json(new JsonObject
        {
            ["requests"] = new JsonArray([.. texts.Select(text =>
            {
                var one = new JsonObject { ["model"] = model, ["content"] = new JsonObject { ["parts"] = new JsonArray(new JsonObject { ["text"] = text }) } };
                if (dimensions is { } wanted)
                {
                    one["outputDimensionality"] = wanted;
                }
                return one;
            })]),
        });
        var reader = new Reader(texts.Length);
        sink.Translate(reader, new Writer(call, reader, base64), passage.Hints);
        return new UpstreamRequest($"models/{Uri.EscapeDataString(call.Model)}:batchEmbedContents", Stream: false,
            () => new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } }, []);
    }

    private sealed class Reader(int wanted) : AnswerReader
    {
        public List<float[]> Vectors { get; } = [];

        public override IEnumerable<AnswerEvent> Whole(ReadOnlyMemory<byte> json)
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("embeddings", out var all) || all.ValueKind != JsonValueKind.Array || all.GetArrayLength() != wanted)
            {
                throw new JsonException($"not {wanted} embeddings");
            }
            foreach (var one in all.EnumerateArray())
            {
                Vectors.Add(one.ValueKind == JsonValueKind.Object && one.TryGetProperty("values", out var values) && values.ValueKind == JsonValueKind.Array
                    && values.EnumerateArray().All(value => value.ValueKind == JsonValueKind.Number)
                    ? [.. values.EnumerateArray().Select(value => value.GetSingle())]
                    : throw new JsonException("an embedding without values"));
            }
            return document.RootElement.TryGetProperty("usageMetadata", out var usage) && new Answered(usage).Number("promptTokenCount") is { } tokens ? [new AnswerEvent.Counted(new AnswerUsage(tokens, 0))] : [];
        }

        public override IEnumerable<AnswerEvent> Chunk(ReadOnlyMemory<byte> json) => throw new NotSupportedException("Embeddings do not stream.");
    }

    private sealed class Writer(ModelCall call, Reader reader, bool base64) : AnswerWriter
    {
        public override byte[] Whole(AnswerDraft draft, AnswerNotes notes)
        {
            var tokens = notes.Tokens(() => call.Estimate.Value.Input).Input;
            return EventBytes.Json(new JsonObject
            {
                ["object"] = "list",
                ["data"] = new JsonArray([.. reader.Vectors.Select((vector, n) => new JsonObject { ["object"] = "embedding", ["index"] = n, ["embedding"] = base64 ? Packed(vector) : new JsonArray([.. vector.Select(value => JsonValue.Create(value))]) })]),
                ["model"] = call.Request.Model,
                ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
            });
        }

        public override void Write(AnswerEvent one, EventBytes into) => throw new NotSupportedException("Embeddings do not stream.");

        public override void Close(AnswerNotes notes, EventBytes into)
        {
        }

        private static JsonValue Packed(float[] vector)
        {
            var bytes = new byte[vector.Length * sizeof(float)];
            for (var n = 0; n < vector.Length; n++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(n * sizeof(float)), vector[n]);
            }
            return JsonValue.Create(Convert.ToBase64String(bytes));
        }
    }
}
