using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AgentPlatform.Contracts;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging;

/// <summary>Checks at start what would otherwise show when the first message comes: that somebody handles it, and that it can be written and read.</summary>
/// <remarks>
/// A command has one owner, and the owner's process can tell whether it handles it. Whether some other service listens to an event nobody can tell from here;
/// that an event private to this service is heard by nobody, one can.
/// </remarks>
public static partial class Catalogue
{
    /// <summary>Checks the messages of some assemblies against the handlers of a service.</summary>
    /// <param name="bus">The handlers.</param>
    /// <param name="contracts">What travels between services.</param>
    /// <param name="own">The service's own assembly, with the messages it sends to itself.</param>
    /// <param name="log">Is told what is odd but no reason to stop.</param>
    /// <exception cref="InvalidOperationException">Names every command without a handler and every contract that cannot travel.</exception>
    public static void Require(Bus bus, Assembly contracts, Assembly own, ILogger log)
    {
        foreach (var oddity in Check(bus, Messages(contracts), own == contracts ? [] : Messages(own)))
        {
            Odd(log, oddity);
        }
    }

    /// <summary>As <see cref="Require"/>, over message types.</summary>
    /// <param name="bus">The handlers.</param>
    /// <param name="shared">What travels between services.</param>
    /// <param name="own">What the service sends to itself.</param>
    /// <returns>What is odd but no reason to stop: one sentence each.</returns>
    /// <exception cref="InvalidOperationException">Names every command without a handler and every contract that cannot travel.</exception>
    public static IReadOnlyList<string> Check(Bus bus, IReadOnlyCollection<Type> shared, IReadOnlyCollection<Type> own)
    {
        ArgumentNullException.ThrowIfNull(bus);
        var handled = bus.Handlers.Select(h => h.TypeName).ToHashSet(StringComparer.Ordinal);
        var wrong = new List<string>();
        foreach (var command in shared.Concat(own).Where(t => t.IsAssignableTo(typeof(ICommand)) && Subjects.Owner(t) == bus.Service && !handled.Contains(Subjects.TypeName(t))))
        {
            wrong.Add($"{command.Name} is a command to {bus.Service} and nothing handles it: register a handler with On or Do, or remove the contract");
        }

        foreach (var twins in shared.Concat(own).GroupBy(Subjects.TypeName, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            wrong.Add($"{string.Join(" and ", twins.Select(t => t.FullName))} share the wire name {twins.Key}: a name stands for one contract");
        }

        foreach (var type in shared.Concat(own))
        {
            wrong.AddRange(Unserialisable(type).Select(why => $"{type.Name} cannot travel as JSON: {why}"));
        }

        if (wrong.Count > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, wrong));
        }

        return [.. own.Where(t => t.IsAssignableTo(typeof(IIntegrationEvent)) && !handled.Contains(Subjects.TypeName(t)))
            .Select(t => $"{t.Name} is an event that only {bus.Service} knows, and {bus.Service} does not handle it: nobody will hear it")];
    }

    private static List<Type> Messages(Assembly assembly) =>
        [.. assembly.GetTypes().Where(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(IMessage))).OrderBy(t => t.FullName, StringComparer.Ordinal)];

    private static List<string> Unserialisable(Type message)
    {
        var faults = new List<string>();
        var seen = new HashSet<Type>();
        Visit(message, message.Name);
        return faults;

        void Visit(Type type, string path)
        {
            if (!seen.Add(type))
            {
                return;
            }

            JsonTypeInfo info;
            try
            {
                info = ContractJson.Options.GetTypeInfo(type);
                Probe(info);
            }
            catch (Exception e) when (e is NotSupportedException or InvalidOperationException)
            {
                faults.Add($"{path} is {type.Name}, and {FirstSentence(e.Message)}");
                return;
            }

            foreach (var property in info.Properties.Where(p => p.Get is not null || p.Set is not null))
            {
                Visit(property.PropertyType, $"{path}.{property.Name}");
            }

            foreach (var part in new[] { info.KeyType, info.ElementType }.OfType<Type>())
            {
                Visit(part, $"{path}[]");
            }
        }
    }

    // What has no way to be read says so at the first attempt, whatever the text; a text that does not fit is another matter.
    private static void Probe(JsonTypeInfo info)
    {
        var text = info.Kind switch
        {
            JsonTypeInfoKind.Object => "{}"u8,
            JsonTypeInfoKind.Enumerable => "[]"u8,
            JsonTypeInfoKind.Dictionary => "{}"u8,
            _ => "\"\""u8,
        };
        try
        {
            JsonSerializer.Deserialize(text, info);
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException)
        {
            // Required values are missing, or an empty text is no such value: it was about to be read.
        }
    }

    [LoggerMessage(2512, LogLevel.Warning, "{Oddity}")]
    private static partial void Odd(ILogger log, string oddity);

    private static string FirstSentence(string text) => text.Split(". ", 2)[0].TrimEnd('.').ReplaceLineEndings(" ");
}
