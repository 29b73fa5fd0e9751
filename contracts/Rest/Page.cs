namespace AgentPlatform.Contracts;

/// <summary>One page of a list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Items">The page, at most as many as asked for.</param>
/// <param name="Next">Pass it as <c>after</c> for the page that follows; absent on the last one.</param>
public sealed record Page<T>(T[] Items, string? Next);
