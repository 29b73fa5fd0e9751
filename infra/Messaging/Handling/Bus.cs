using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Messaging;

/// <summary>The catalogue of what a service handles, filled at start. Two handlers for one message, or a command of another service, stop the start.</summary>
/// <param name="service">The service.</param>
public sealed class Bus(string service)
{
    private readonly Dictionary<string, Handler> _handlers = new(StringComparer.Ordinal);

    /// <summary>The service.</summary>
    public string Service { get; } = service;

    internal IReadOnlyCollection<Handler> Handlers => _handlers.Values;

    /// <summary>A pure handler: it gets the message and a state, and returns facts and messages. Loading, storing and repeating is done for it.</summary>
    /// <typeparam name="TMessage">The message.</typeparam>
    /// <typeparam name="TState">The state of the stream it decides on.</typeparam>
    /// <typeparam name="TEvent">The facts of that stream.</typeparam>
    /// <param name="kind">The kind of stream.</param>
    /// <param name="streamOf">The thing the message is about; null ignores the message.</param>
    /// <param name="decide">Message, state and context in; facts and outgoing messages out.</param>
    /// <param name="options">Concurrency and order.</param>
    public Bus On<TMessage, TState, TEvent>(
        StreamKind<TState, TEvent> kind,
        Func<TMessage, string?> streamOf,
        Func<TMessage, TState, MessageContext, (TEvent[] Facts, object[] Outgoing)> decide,
        HandlerOptions? options = null)
        where TMessage : class, IMessage
        where TState : class
        where TEvent : class
    {
        options ??= new HandlerOptions();
        return Add<TMessage>(options with { Key = options.Key ?? (m => streamOf((TMessage)m)) }, async (services, message, context, ct) =>
        {
            if (streamOf(message) is { } id)
            {
                await services.Writer.Write(kind, id, state => decide(message, state, context), context.Complete, ct);
            }
        });
    }

    /// <summary>A handler that reaches out of the process. It stores by itself, and completes the message with <see cref="MessageContext.Complete"/>.</summary>
    /// <typeparam name="TMessage">The message.</typeparam>
    /// <param name="handle">Must bear being told the same message again.</param>
    /// <param name="options">Concurrency and order.</param>
    public Bus Do<TMessage>(Func<TMessage, MessageContext, CancellationToken, Task> handle, HandlerOptions? options = null)
        where TMessage : class, IMessage =>
        Add<TMessage>(options ?? new HandlerOptions(), (_, message, context, ct) => handle(message, context, ct));

    private Bus Add<TMessage>(HandlerOptions options, Func<HandlerServices, TMessage, MessageContext, CancellationToken, Task> handle)
        where TMessage : class, IMessage
    {
        var type = typeof(TMessage);
        var isCommand = type.IsAssignableTo(typeof(ICommand));
        if (isCommand && Subjects.Owner(type) != Service)
        {
            throw new InvalidOperationException($"{type.Name} is a command to {Subjects.Owner(type)}; {Service} cannot handle it");
        }

        options.Retry?.Validate(type.Name);
        if (options.ConcurrencyMax < 1)
        {
            throw new InvalidOperationException($"The handler of {type.Name} needs a ConcurrencyMax of at least 1, not {options.ConcurrencyMax}");
        }

        var name = Subjects.TypeName(type);
        var handler = new Handler(
            name,
            isCommand ? JetStream.Commands : JetStream.Events,
            ConsumerName(name),
            Subjects.Filter(type),
            options,
            json => json.Deserialize<TMessage>(ContractJson.Options) ?? throw new JsonException($"The message holds no {type.Name}"),
            (services, message, context, ct) => handle(services, (TMessage)message, context, ct));
        if (!_handlers.TryAdd(name, handler))
        {
            throw new InvalidOperationException($"{Service} has two handlers for {type.Name}; a message has one");
        }

        return this;
    }

    // agentplatform.toolgateway.invoke-tool.1 in sessions → sessions_toolgateway_invoke-tool
    private string ConsumerName(string typeName) => $"{Service}_{string.Join('_', typeName.Split('.')[1..^1])}";
}

/// <summary>How a handler is run.</summary>
public sealed record HandlerOptions
{
    /// <summary>Messages with the same key are handled one after the other, in order, within a process; the run when absent, everything at once when it gives null.</summary>
    public Func<IMessage, string?>? Key { get; init; }

    /// <summary>Messages at work at the same time; <see cref="MessagingOptions.ConcurrencyMax"/> when absent.</summary>
    public int? ConcurrencyMax { get; init; }

    /// <summary>How failures are tried again; <see cref="MessagingOptions.AttemptsMax"/> and the delays beside it when absent.</summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>Keyed by nothing: every message for itself.</summary>
    public static HandlerOptions Unordered(int? concurrencyMax = null) => new() { Key = static _ => null, ConcurrencyMax = concurrencyMax };
}

internal sealed record Handler(
    string TypeName,
    string Stream,
    string Consumer,
    string Filter,
    HandlerOptions Options,
    Func<JsonElement, IMessage> Read,
    Func<HandlerServices, IMessage, MessageContext, CancellationToken, Task> Handle)
{
    public int HeldMax(MessagingOptions options) => Math.Max(options.HeldMax, Options.ConcurrencyMax ?? 0);
}

internal sealed record HandlerServices(DecisionWriter Writer);
