using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Scripted;

/// <summary>
/// The scripted provider. The conversation itself says which turn is due, so nothing is remembered between calls and the
/// same conversation always gets the same answer. It never passes for a model: id, owner and fingerprint say 'scripted'.
/// </summary>
public sealed class AnswerFromScript(ScriptLibrary library, IOptions<ModelFabricOptions> options, TimeProvider time)
{
    private const int ToolsNamedInErrorMax = 20;

    public async Task Answer(ModelCall asked, AnswerSink sink, CancellationToken ct)
    {
        var call = asked with { Request = InChat(asked, sink) };
        var (turn, answer) = Compose(call);
        await Wait(turn.Delay, ct);
        if (!call.Request.Stream)
        {
            sink.Whole(JsonSerializer.SerializeToUtf8Bytes(answer.Whole(), WireJson));
            return;
        }
        await sink.BeginStream(ct);
        var first = true;
        foreach (var chunk in answer.Chunks(call.Request.IncludeUsage))
        {
            await Wait(first ? TimeSpan.Zero : turn.ChunkDelay, ct);
            await sink.Send(JsonSerializer.SerializeToUtf8Bytes(chunk, WireJson), ct);
            first = false;
        }
        await sink.EndStream(ct);
    }

    /// <summary>Scripts answer chats; whoever asks in another format is translated for, as with any provider.</summary>
    private static CallRequest InChat(ModelCall call, AnswerSink sink)
    {
        var (request, chat) = (call.Request, ChatFormat.Instance);
        if (request.Format == chat)
        {
            return request;
        }
        var passage = new Passage(request.Format.Name, chat.Name);
        var body = chat.Write(request.Format.Read(request.Body, passage), request.Model, Dialect.Find(ProviderKind.OpenAi, preset: null)!, tokensMaxDefault: 0);
        sink.Translate(chat.Reader(call.Id), request.Format.Writer(call.Head), passage.Hints);
        return CallRequest.Parse(chat, EventBytes.Json(body));
    }

    private static JsonSerializerOptions WireJson { get; } = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private (ScriptTurn Turn, ScriptedAnswer Answer) Compose(ModelCall call)
    {
        try
        {
            var script = library.Load(call.Model, call.Workspace);
            var conversation = Conversation.Of(call.Request);
            if (conversation.AssistantMessages >= script.Turns.Count)
            {
                throw ModelCallException.Invalid("script_exhausted",
                    $"Script {script.Model} has {script.Turns.Count} turns and the conversation has {conversation.AssistantMessages} assistant messages already. Add a turn to the script.");
            }
            var index = conversation.AssistantMessages;
            var turn = script.Turns[index];
            var placeholders = new Placeholders(conversation.ToolResults, options.Value.Script.AnswerCharactersMax);
            var text = turn.Text is { } template ? placeholders.FillText(template) : null;
            var calls = turn.Calls.Select((wanted, n) => new ScriptedCall(
                $"call_{index}_{n}", Offered(conversation, script, index, wanted.Tool), placeholders.Fill(wanted.Arguments)!.ToJsonString(WireJson))).ToArray();
            return (turn, new ScriptedAnswer(
                Id: "chatcmpl-scripted-" + Convert.ToHexStringLower(SHA256.HashData(call.Request.Body.Span))[..24],
                script.Model, time.GetUtcNow().ToUnixTimeSeconds(), text, calls, AnswerNotes.Estimate(call.Request.Body.Length)));
        }
        catch (ScriptException broken)
        {
            throw ModelCallException.Invalid("script_invalid", $"Script scripted/{call.Model}: {broken.Message}", "model");
        }
    }

    private static string Offered(Conversation conversation, Script script, int turn, string tool) => conversation.Offered(tool)
        ?? throw ModelCallException.Invalid("script_tool_not_offered",
            $"Script {script.Model} calls '{tool}' in turn {turn}, which the request does not offer. "
            + (conversation.Tools.Count == 0 ? "It offers no tools." : $"It offers: {string.Join(", ", conversation.Tools.Take(ToolsNamedInErrorMax))}."), "tools");

    private Task Wait(TimeSpan delay, CancellationToken ct) => delay > TimeSpan.Zero ? Task.Delay(delay, time, ct) : Task.CompletedTask;
}
