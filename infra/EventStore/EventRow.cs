using System.Buffers;
using System.Text;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Reads the events of many rows through two buffers, so that a fold allocates the events and little else.</summary>
internal sealed class EventRow(EventTypes types) : IDisposable
{
    // PostgreSQL sends jsonb as its text behind one byte that names the format.
    private const byte JsonbFormat = 1;

    // varchar(500), at most four bytes a character.
    private const int NameBytesMax = 2_000;
    private readonly byte[] _name = ArrayPool<byte>.Shared.Rent(NameBytesMax);
    private readonly char[] _chars = ArrayPool<char>.Shared.Rent(NameBytesMax);
    private byte[] _json = ArrayPool<byte>.Shared.Rent(16 * 1024);

    /// <summary>The event in columns 1 (type) and 2 (data) of the row that the reader is at.</summary>
    public object Read(NpgsqlDataReader reader)
    {
        var chars = Encoding.UTF8.GetChars(_name.AsSpan(0, (int)reader.GetBytes(1, 0, _name, 0, NameBytesMax)), _chars);
        var length = (int)reader.GetBytes(2, 0, buffer: null, 0, 0);
        if (length > _json.Length)
        {
            ArrayPool<byte>.Shared.Return(_json);
            _json = ArrayPool<byte>.Shared.Rent(length);
        }

        length = (int)reader.GetBytes(2, 0, _json, 0, length);
        return _json[0] == JsonbFormat
            ? types.Read(_chars.AsSpan(0, chars), _json.AsSpan(1, length - 1))
            : throw new NotSupportedException($"PostgreSQL sends jsonb in format {_json[0]}; format {JsonbFormat} is known here");
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_name);
        ArrayPool<char>.Shared.Return(_chars);
        ArrayPool<byte>.Shared.Return(_json);
    }
}
