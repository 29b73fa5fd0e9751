using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentPlatform.Contracts;

/// <summary>An id with a type of its own around a time-ordered UUID (RFC 9562, version 7); on the wire a plain string.</summary>
/// <typeparam name="TSelf">The id type itself.</typeparam>
public interface IId<TSelf> : IParsable<TSelf>
    where TSelf : struct, IId<TSelf>
{
    /// <summary>The UUID behind the id.</summary>
    Guid Value { get; }

    /// <summary>Wraps a UUID.</summary>
    /// <param name="value">The UUID.</param>
    static abstract TSelf From(Guid value);
}

/// <summary>Names one run of a plan or goal.</summary>
/// <param name="Value">The UUID.</param>
[JsonConverter(typeof(IdJsonConverter<RunId>))]
public readonly record struct RunId(Guid Value) : IId<RunId>
{
    /// <summary>Makes a new, time-ordered id.</summary>
    public static RunId New() => new(Guid.CreateVersion7());

    /// <inheritdoc/>
    public static RunId From(Guid value) => new(value);

    /// <inheritdoc/>
    public static RunId Parse(string s, IFormatProvider? provider) => new(Guid.Parse(s));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out RunId result) => IdParser.TryParse(s, out result);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Names the folder of files that a run works in.</summary>
/// <param name="Value">The UUID.</param>
[JsonConverter(typeof(IdJsonConverter<WorkspaceId>))]
public readonly record struct WorkspaceId(Guid Value) : IId<WorkspaceId>
{
    /// <summary>Makes a new, time-ordered id.</summary>
    public static WorkspaceId New() => new(Guid.CreateVersion7());

    /// <inheritdoc/>
    public static WorkspaceId From(Guid value) => new(value);

    /// <inheritdoc/>
    public static WorkspaceId Parse(string s, IFormatProvider? provider) => new(Guid.Parse(s));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out WorkspaceId result) => IdParser.TryParse(s, out result);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Names a grant: leave to call certain tools.</summary>
/// <param name="Value">The UUID.</param>
[JsonConverter(typeof(IdJsonConverter<GrantId>))]
public readonly record struct GrantId(Guid Value) : IId<GrantId>
{
    /// <summary>Makes a new, time-ordered id.</summary>
    public static GrantId New() => new(Guid.CreateVersion7());

    /// <inheritdoc/>
    public static GrantId From(Guid value) => new(value);

    /// <inheritdoc/>
    public static GrantId Parse(string s, IFormatProvider? provider) => new(Guid.Parse(s));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out GrantId result) => IdParser.TryParse(s, out result);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Names one tool call; the same id on every redelivery, so that the call is recorded once.</summary>
/// <param name="Value">The UUID.</param>
[JsonConverter(typeof(IdJsonConverter<InvocationId>))]
public readonly record struct InvocationId(Guid Value) : IId<InvocationId>
{
    /// <summary>Makes a new, time-ordered id.</summary>
    public static InvocationId New() => new(Guid.CreateVersion7());

    /// <inheritdoc/>
    public static InvocationId From(Guid value) => new(value);

    /// <inheritdoc/>
    public static InvocationId Parse(string s, IFormatProvider? provider) => new(Guid.Parse(s));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out InvocationId result) => IdParser.TryParse(s, out result);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Names one terminal, browser or file session.</summary>
/// <param name="Value">The UUID.</param>
[JsonConverter(typeof(IdJsonConverter<SessionId>))]
public readonly record struct SessionId(Guid Value) : IId<SessionId>
{
    /// <summary>Makes a new, time-ordered id.</summary>
    public static SessionId New() => new(Guid.CreateVersion7());

    /// <inheritdoc/>
    public static SessionId From(Guid value) => new(value);

    /// <inheritdoc/>
    public static SessionId Parse(string s, IFormatProvider? provider) => new(Guid.Parse(s));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out SessionId result) => IdParser.TryParse(s, out result);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Names one question to a human: an approval or an input.</summary>
/// <param name="Value">The UUID.</param>
[JsonConverter(typeof(IdJsonConverter<RequestId>))]
public readonly record struct RequestId(Guid Value) : IId<RequestId>
{
    /// <summary>Makes a new, time-ordered id.</summary>
    public static RequestId New() => new(Guid.CreateVersion7());

    /// <inheritdoc/>
    public static RequestId From(Guid value) => new(value);

    /// <inheritdoc/>
    public static RequestId Parse(string s, IFormatProvider? provider) => new(Guid.Parse(s));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out RequestId result) => IdParser.TryParse(s, out result);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}

/// <summary>Reads and writes an id as the plain string form of its UUID.</summary>
/// <typeparam name="T">The id type.</typeparam>
public sealed class IdJsonConverter<T> : JsonConverter<T>
    where T : struct, IId<T>
{
    /// <inheritdoc/>
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && reader.TryGetGuid(out var value)
            ? T.From(value)
            : throw new JsonException($"A {typeof(T).Name} is a UUID in a string, such as \"0199e0a4-0000-7000-8000-000000000000\"");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);

    /// <inheritdoc/>
    public override T ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => T.Parse(reader.GetString()!, null);

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WritePropertyName(value.Value.ToString());
}

internal static class IdParser
{
    public static bool TryParse<T>(string? text, out T id)
        where T : struct, IId<T>
    {
        var ok = Guid.TryParse(text, out var value);
        id = ok ? T.From(value) : default;
        return ok;
    }
}
