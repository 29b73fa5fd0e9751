using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Wire.Chat;

namespace AgentPlatform.ModelFabric.Wire.Transcriptions;

/// <summary>OpenAI audio transcription: a form with a file goes in, and JSON, plain text, subtitles or events come back as the caller asked.</summary>
public sealed class TranscriptionsFormat : OpenAiFormat
{
    public static readonly TranscriptionsFormat Instance = new();

    private TranscriptionsFormat()
    {
    }

    public override string Name => "transcriptions";
    public override string Operation => "transcription";
    public override bool AnswersJson => false;

    public override string Path(string model, bool stream) => "audio/transcriptions";

    public override CallRequest Scan(ReadOnlyMemory<byte> body, string? contentType) => ReadForm.From(this, body, contentType);

    public override AnswerObserver Observe(AnswerNotes notes) => new ObserveTranscription(notes);

    public override ModelRequest Read(ReadOnlyMemory<byte> body, Passage passage) =>
        throw ModelCallException.Invalid("not_carried", "This provider has no transcription in a format that is known here. Name a model of an OpenAI-compatible provider.", "model");

    private sealed class ObserveTranscription(AnswerNotes notes) : AnswerObserver(notes)
    {
        public override void Read(ReadOnlyMemory<byte> json)
        {
            Notes.Characters += json.Length;
            if (json.Span.TrimStart(" \t\r\n"u8).StartsWith("{"u8))
            {
                base.Read(json);
            }
        }

        public override bool Mark(ReadOnlySpan<byte> data) => Ended |= data.SequenceEqual("[DONE]"u8);

        protected override void Read(JsonElement root)
        {
            Ended |= Text(root, "type"u8) == "transcript.text.done";
            if (root.TryGetProperty("usage"u8, out var usage) && usage.ValueKind == JsonValueKind.Object
                && Number(usage, "input_tokens"u8) is { } input && Number(usage, "output_tokens"u8) is { } output)
            {
                Notes.Counted(new AnswerUsage(input, output));
            }
        }
    }
}
