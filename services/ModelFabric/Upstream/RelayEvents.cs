using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>
/// Passes server-sent events on as they arrive. Only complete lines leave, each data line is read before it is passed:
/// what the client gets is always whole events, whatever pieces the network made of them, and a broken one ends the
/// stream with an error instead of reaching the client's parser. Where formats differ the sink makes new lines of the old.
/// </summary>
internal sealed class RelayEvents(string provider, AnswerSink sink, Patience patience, ModelFabricOptions.UpstreamOptions options, byte[]? echo)
{
    public async Task Run(Stream body)
    {
        var reader = PipeReader.Create(body, new StreamPipeReaderOptions(leaveOpen: true));
        try
        {
            await Relay(reader);
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private async Task Relay(PipeReader reader)
    {
        long total = 0;
        while (!sink.ProviderEnded)
        {
            var read = await reader.ReadAsync(patience.Token);
            var lines = read.Buffer.Slice(0, EndOfLastLine(read.Buffer));
            if (lines.Length > 0)
            {
                total += lines.Length;
                await Pass(lines);
            }
            if (read.Buffer.Length - lines.Length > options.EventBytesMax || total > options.AnswerBytesMax)
            {
                throw ModelCallException.Upstream("upstream_answer_too_large", "The stream exceeds ModelFabric:Upstream:AnswerBytesMax, or one event of it EventBytesMax.");
            }
            reader.AdvanceTo(lines.End, read.Buffer.End);
            if (read.IsCompleted && !sink.ProviderEnded)
            {
                await End();
                return;
            }
            patience.Await(options.IdleTimeout, "the next piece of its stream");
        }
        if (sink.Translates)
        {
            await sink.EndStream(patience.Token);
        }
        sink.PassedEnd();
    }

    private async Task Pass(ReadOnlySequence<byte> lines)
    {
        var accepted = Accept(lines, out var flaw);
        // A slow client is not a silent provider.
        patience.Pause();
        if (sink.Translates)
        {
            await sink.Flush(patience.Token);
        }
        else if (accepted.Length > 0)
        {
            if (!sink.Streaming)
            {
                await sink.BeginStream(patience.Token);
            }
            await sink.Pass(accepted, patience.Token);
        }
        if (flaw is not null)
        {
            throw flaw;
        }
    }

    /// <summary>Some servers leave out the end mark; a finish reason says as much. Without either the answer is cut short.</summary>
    private async Task End()
    {
        if (sink.Observed.FinishReason is not null)
        {
            if (!sink.Translates)
            {
                await sink.Pass(new ReadOnlySequence<byte>("\n"u8.ToArray()), patience.Token);
            }
            await sink.EndStream(patience.Token);
        }
        else
        {
            throw ModelCallException.Upstream("upstream_truncated", $"Provider '{provider}' ended its stream before the answer was complete.");
        }
    }

    /// <summary>The lines up to the first that must not be passed on.</summary>
    private ReadOnlySequence<byte> Accept(ReadOnlySequence<byte> lines, out ModelCallException? flaw)
    {
        flaw = null;
        var rest = lines;
        while (rest.PositionOf((byte)'\n') is { } newline)
        {
            var line = rest.Slice(0, newline);
            flaw = Read(line);
            if (flaw is not null)
            {
                return lines.Slice(0, rest.Start);
            }
            rest = rest.Slice(rest.GetPosition(1, newline));
        }
        return lines;
    }

    private ModelCallException? Read(ReadOnlySequence<byte> sequence)
    {
        if (sequence.Length > options.EventBytesMax)
        {
            return ModelCallException.Upstream("upstream_answer_too_large", $"An event exceeds {options.EventBytesMax} bytes (ModelFabric:Upstream:EventBytesMax).");
        }
        var line = sequence.IsSingleSegment ? sequence.First : sequence.ToArray();
        if (echo is not null && line.Span.IndexOf(echo) >= 0)
        {
            return Echoed(provider);
        }
        if (!line.Span.StartsWith("data:"u8))
        {
            return null;
        }
        try
        {
            sink.Take(line[5..]);
            return null;
        }
        catch (ModelCallException told)
        {
            return told;
        }
        catch (JsonException broken)
        {
            return ModelCallException.Upstream("upstream_invalid_event", $"Provider '{provider}' sent an event that is no JSON object.", inner: broken);
        }
    }

    public static ModelCallException Echoed(string provider) =>
        ModelCallException.Upstream("upstream_echoed_key", $"Provider '{provider}' put its own key into the answer. The answer was withheld; change the key.");

    private static SequencePosition EndOfLastLine(ReadOnlySequence<byte> buffer)
    {
        var end = buffer.Start;
        var rest = buffer;
        while (rest.PositionOf((byte)'\n') is { } newline)
        {
            end = buffer.GetPosition(1, newline);
            rest = rest.Slice(end);
        }
        return end;
    }
}
