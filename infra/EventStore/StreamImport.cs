namespace AgentPlatform.EventStore;

/// <summary>Events for one stream of a bulk append.</summary>
/// <param name="Stream">The whole stream id.</param>
/// <param name="Expected">What must be true of the stream.</param>
/// <param name="Events">Oldest first; at least one.</param>
public sealed record StreamImport(string Stream, ExpectedVersion Expected, IReadOnlyList<object> Events)
{
    /// <summary>The kind of the stream (<c>mt_streams.type</c>), for a stream that is started by this.</summary>
    public string? Kind { get; init; }
}
