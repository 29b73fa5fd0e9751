namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>How calls are run and, after a death, found again (<c>ToolGateway:Invocations</c>).</summary>
public sealed record InvocationOptions
{
    /// <summary>
    /// Calls that run at once in the process that took them in, without a message in between; 0 sends each to the gateways as a message. Off by default: it saves two
    /// thirds of the processor time of a call, but a fault that lost calls of killed gateways was found and mended only lately.
    /// </summary>
    public int CallsAtOnceMax { get; init; }

    /// <summary>How often interrupted calls are looked for; a call counts as interrupted when it was found so twice in a row.</summary>
    public TimeSpan RecoverEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Calls looked at each time.</summary>
    public int RecoverMax { get; init; } = 1_000;

    /// <exception cref="InvalidOperationException">A value makes no sense.</exception>
    public static InvocationOptions From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = configuration.GetSection("ToolGateway:Invocations").Get<InvocationOptions>() ?? new InvocationOptions();
        return options is { CallsAtOnceMax: >= 0, RecoverMax: >= 1 } && options.RecoverEvery > TimeSpan.Zero
            ? options
            : throw new InvalidOperationException($"ToolGateway:Invocations: CallsAtOnceMax ({options.CallsAtOnceMax}) must not be negative, RecoverMax ({options.RecoverMax}) and RecoverEvery ({options.RecoverEvery}) must be positive");
    }
}
