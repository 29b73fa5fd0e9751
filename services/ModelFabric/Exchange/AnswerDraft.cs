using System.Text;

namespace AgentPlatform.ModelFabric.Exchange;

/// <summary>Puts the events of a whole answer together into its parts.</summary>
public sealed class AnswerDraft
{
    private readonly List<Part> _parts = [];
    private readonly Dictionary<int, (int At, StringBuilder Arguments)> _calls = [];
    private readonly StringBuilder _open = new();
    private Type? _kind;

    public string? Id { get; private set; }

    public static AnswerDraft Of(IEnumerable<AnswerEvent> events)
    {
        var draft = new AnswerDraft();
        foreach (var one in events)
        {
            draft.Take(one);
        }
        return draft;
    }

    public IReadOnlyList<Part> Parts()
    {
        Close(signature: null);
        foreach (var (at, arguments) in _calls.Values)
        {
            _parts[at] = ((Part.ToolCall)_parts[at]) with { Arguments = arguments.Length == 0 ? "{}" : arguments.ToString() };
        }
        return _parts;
    }

    private void Take(AnswerEvent one)
    {
        switch (one)
        {
            case AnswerEvent.Began began:
                Id ??= began.Id;
                break;
            case AnswerEvent.Thought thought:
                Append(typeof(Part.Thinking), thought.Piece);
                break;
            case AnswerEvent.ThoughtSigned signed:
                if (_kind != typeof(Part.Thinking))
                {
                    Append(typeof(Part.Thinking), "");
                }
                Close(signed.Signature);
                break;
            case AnswerEvent.ThoughtHidden hidden:
                Close(signature: null);
                _parts.Add(new Part.HiddenThinking(hidden.Data));
                break;
            case AnswerEvent.Said said:
                Append(typeof(Part.Text), said.Piece);
                break;
            case AnswerEvent.Refused refused:
                Append(typeof(Part.Refusal), refused.Piece);
                break;
            case AnswerEvent.ToolCalled call:
                Close(signature: null);
                _calls[call.Call] = (_parts.Count, new StringBuilder());
                _parts.Add(new Part.ToolCall(call.Id, call.Name, ""));
                break;
            case AnswerEvent.ArgumentsCame came:
                _calls[came.Call].Arguments.Append(came.Piece);
                break;
        }
    }

    private void Append(Type kind, string piece)
    {
        if (_kind != kind)
        {
            Close(signature: null);
            _kind = kind;
        }
        _open.Append(piece);
    }

    private void Close(string? signature)
    {
        if (_kind is not null && (_open.Length > 0 || signature is not null))
        {
            _parts.Add(_kind == typeof(Part.Thinking) ? new Part.Thinking(_open.ToString(), signature)
                : _kind == typeof(Part.Refusal) ? new Part.Refusal(_open.ToString())
                : new Part.Text(_open.ToString()));
        }
        _open.Clear();
        _kind = null;
    }
}
