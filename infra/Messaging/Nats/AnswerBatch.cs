namespace AgentPlatform.Messaging;

/// <summary>Waits for the answers to requests that were published together: one entry and one timer for all of them.</summary>
internal sealed class AnswerBatch
{
    private readonly byte[]?[] _answers;
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open;

    public AnswerBatch(int count)
    {
        (_answers, _open) = (new byte[]?[count], count);
        if (count == 0)
        {
            _all.TrySetResult();
        }
    }

    /// <summary>The answers by the order of the requests; null where none came.</summary>
    public IReadOnlyList<byte[]?> Answers => _answers;

    /// <summary>Why there will be no more answers, when it is known before the time-out.</summary>
    public Exception? Failure { get; private set; }

    public Task All => _all.Task;

    /// <summary>An answer came; the second one to the same request is not counted.</summary>
    public void Answer(int index, byte[] answer)
    {
        if (index >= 0 && index < _answers.Length && Interlocked.CompareExchange(ref _answers[index], answer, comparand: null) is null && Interlocked.Decrement(ref _open) == 0)
        {
            _all.TrySetResult();
        }
    }

    public void Fail(Exception cause)
    {
        Failure = cause;
        _all.TrySetResult();
    }
}
