namespace AgentPlatform.ServiceDefaults;

/// <summary>An answer that is no success but no bug either; becomes problem details (RFC 9457).</summary>
/// <param name="status">HTTP status, 400 to 599.</param>
/// <param name="slug">Last part of the problem type, for example <c>run-not-found</c>.</param>
/// <param name="detail">Cause and remedy, for the person who called.</param>
public sealed class ProblemException(int status, string slug, string detail) : Exception(detail)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>Last part of the problem type.</summary>
    public string Slug { get; } = slug;

    /// <summary>One message for each thing that is wrong, where there are several.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>Nothing with that id.</summary>
    /// <param name="what">For example <c>run</c>.</param>
    /// <param name="id">The id asked for.</param>
    public static ProblemException NotFound(string what, object id) => new(404, $"{what}-not-found", $"There is no {what} {id}");
}
