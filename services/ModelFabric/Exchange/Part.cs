namespace AgentPlatform.ModelFabric.Exchange;

/// <summary>A piece of what somebody said: the union of what the wire formats have. <see cref="At"/> is where it stood in the caller's request.</summary>
public abstract record Part
{
    private Part()
    {
    }

    public string At { get; init; } = "";

    public sealed record Text(string Value) : Part;

    /// <summary>An image, a document or a sound: as data, or as an address the provider is to read.</summary>
    /// <param name="Kind">What the caller said it is.</param>
    /// <param name="Type">The media type; null when the caller gave only an address.</param>
    /// <param name="Data">Base64, or null.</param>
    /// <param name="Url">An address, or null.</param>
    /// <param name="Name">A file name or title.</param>
    /// <param name="Detail">How closely an image is to be looked at.</param>
    public sealed record Media(MediaKind Kind, string? Type, string? Data, string? Url, string? Name = null, string? Detail = null) : Part;

    /// <summary>Reasoning. The signature is the provider's seal on it, without which it does not take it back.</summary>
    public sealed record Thinking(string Value, string? Signature) : Part;

    /// <summary>Reasoning that only its provider can read.</summary>
    public sealed record HiddenThinking(string Data) : Part;

    /// <param name="Id">Ties the result to the call.</param>
    /// <param name="Name">The tool.</param>
    /// <param name="Arguments">JSON, as text.</param>
    public sealed record ToolCall(string Id, string Name, string Arguments) : Part;

    public sealed record ToolResult(string CallId, IReadOnlyList<Part> Content, bool IsError) : Part;

    /// <summary>The model said that it will not.</summary>
    public sealed record Refusal(string Value) : Part;
}

public enum MediaKind
{
    Image,
    Document,
    Audio,
}

public enum Role
{
    System,
    User,
    Assistant,
}

/// <summary>What one side said in one go. Tool results are said by the user's side.</summary>
public sealed record Turn(Role Role, IReadOnlyList<Part> Parts);
