using System.Collections.Concurrent;

namespace AgentPlatform.Messaging;

/// <summary>The requests that wait for answers. All answers arrive on one subscription and are told apart by the last token of their subject.</summary>
internal sealed class Answers
{
    private readonly ConcurrentDictionary<string, AnswerBatch> _waiting = new(StringComparer.Ordinal);
    private readonly string _inbox = $"_INBOX.{Guid.CreateVersion7():n}";
    private long _requests;

    /// <summary>What has to be subscribed so that answers arrive.</summary>
    public string Pattern => $"{_inbox}.*";

    /// <summary>Batches that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Opens a batch; it has to be closed with <see cref="Close"/>.</summary>
    public string Open(AnswerBatch batch)
    {
        var token = Interlocked.Increment(ref _requests).ToString();
        _waiting[token] = batch;
        return token;
    }

    /// <summary>Where the answer to one request of a batch goes.</summary>
    public string ReplyTo(string token, int index) => $"{_inbox}.{token}_{index}";

    public void Close(string token) => _waiting.TryRemove(token, out _);

    /// <summary>An answer came, or something that looks like one.</summary>
    public void Arrived(string subject, byte[] answer)
    {
        var tail = subject.AsSpan(subject.LastIndexOf('.') + 1);
        var split = tail.IndexOf('_');
        if (split > 0 && int.TryParse(tail[(split + 1)..], out var index) && _waiting.TryGetValue(tail[..split].ToString(), out var waiting))
        {
            waiting.Answer(index, answer);
        }
    }

    /// <summary>No more answers come to anything that was asked until now.</summary>
    public void FailAll(Exception cause)
    {
        foreach (var (_, waiting) in _waiting)
        {
            waiting.Fail(cause);
        }
    }
}
