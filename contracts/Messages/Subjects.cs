using System.Collections.Concurrent;
using System.Reflection;

namespace AgentPlatform.Contracts;

/// <summary>NATS subjects and CloudEvents type names, made in this one place; nobody else concatenates.</summary>
public static class Subjects
{
    /// <summary>Every command to any service.</summary>
    public const string AllCommands = "commands.>";

    /// <summary>Every integration event of any service.</summary>
    public const string AllEvents = "events.>";

    private static readonly ConcurrentDictionary<Type, Address> Addresses = new();

    /// <summary>The subject that <paramref name="message"/> is published on.</summary>
    /// <param name="message">A contract message.</param>
    /// <exception cref="ArgumentException">The type carries neither <see cref="CommandAttribute"/> nor <see cref="IntegrationEventAttribute"/>.</exception>
    public static string Of(IMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var address = AddressOf(message.GetType());
        return message is IIntegrationEvent about ? $"{address.Subject}.{Token(about.AboutId)}" : address.Subject;
    }

    /// <summary>The filter a consumer of <paramref name="messageType"/> subscribes with.</summary>
    /// <param name="messageType">A contract message type.</param>
    public static string Filter(Type messageType)
    {
        var address = AddressOf(messageType);
        return address.IsEvent ? $"{address.Subject}.*" : address.Subject;
    }

    /// <summary>The CloudEvents <c>type</c> of a message: reverse-DNS-like and versioned, for example <c>agentplatform.toolgateway.invoke-tool.1</c>.</summary>
    /// <param name="messageType">A contract message type.</param>
    public static string TypeName(Type messageType) => AddressOf(messageType).TypeName;

    /// <summary>The service that owns the command, or that tells the event.</summary>
    /// <param name="messageType">A contract message type.</param>
    public static string Owner(Type messageType) => AddressOf(messageType).Service;

    /// <summary>Live, never recorded data of one thing: <c>live.&lt;kind&gt;.&lt;id&gt;</c>.</summary>
    /// <param name="kind">terminal, tokens, screencast, …</param>
    /// <param name="id">The id of the session or call.</param>
    public static string Live(string kind, string id) => $"live.{Token(kind)}.{Token(id)}";

    private static Address AddressOf(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return Addresses.GetOrAdd(type, static t =>
        {
            if (t.GetCustomAttribute<CommandAttribute>() is { } command)
            {
                return new Address($"commands.{command.Service}.{command.Name}", $"agentplatform.{command.Service}.{command.Name}.1", command.Service, IsEvent: false);
            }

            if (t.GetCustomAttribute<IntegrationEventAttribute>() is { } fact)
            {
                return new Address($"events.{fact.Service}.{fact.Noun}.{fact.Name}", $"agentplatform.{fact.Service}.{fact.Noun}.{fact.Name}.1", fact.Service, IsEvent: true);
            }

            throw new ArgumentException($"{t.Name} is no message: it has neither [Command] nor [IntegrationEvent]", nameof(type));
        });
    }

    // A subject token may not hold separators, wildcards or white space; an id from outside could.
    private static string Token(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ? text
            : throw new ArgumentException($"'{text}' cannot be a subject token: letters, digits, '-' and '_' only", nameof(text));

    private sealed record Address(string Subject, string TypeName, string Service, bool IsEvent);
}
