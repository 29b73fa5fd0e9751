namespace AgentPlatform.ModelFabric.Wire;

/// <summary>Two answers on their way to one caller, of which the first that begins is heard.</summary>
public sealed class AnswerRace
{
    private readonly TaskCompletionSource<AnswerSink> _won = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<AnswerSink> Won => _won.Task;

    /// <summary>Whether this one is heard.</summary>
    public bool Begins(AnswerSink sink) => _won.TrySetResult(sink) || _won.Task.Result == sink;
}
