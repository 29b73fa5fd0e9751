using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>Folded states beside their streams (<c>ap_snapshots</c>), one per stream.</summary>
internal static class Snapshots
{
    /// <summary>The state at the version it was kept, if what kept it is what asks for it.</summary>
    public static async Task<(TState State, long Version)?> Find<TState>(NpgsqlDataSource database, SnapshotPolicy policy, string stream, CancellationToken ct)
        where TState : class
    {
        await using var command = database.CreateCommand("select version, state from ap_snapshots where stream_id = $1 and shape = $2");
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = Shape<TState>(policy) });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? (JsonSerializer.Deserialize<TState>(reader.GetFieldValue<byte[]>(1), Json<TState>.Options)!, reader.GetInt64(0))
            : null;
    }

    /// <summary>The statement that keeps a state, in the transaction of the events that led to it. An older one never replaces a newer one.</summary>
    public static NpgsqlBatchCommand Keep<TState>(SnapshotPolicy policy, string stream, TState state, long version)
        where TState : class =>
        new(
            """
            insert into ap_snapshots (stream_id, version, shape, state) values ($1, $2, $3, $4)
            on conflict (stream_id) do update set version = excluded.version, shape = excluded.shape, state = excluded.state
            where ap_snapshots.version < excluded.version
            """)
        {
            Parameters =
            {
                new() { Value = stream },
                new() { Value = version },
                new() { Value = Shape<TState>(policy) },
                new() { Value = JsonSerializer.SerializeToUtf8Bytes(state, Json<TState>.Options), NpgsqlDbType = NpgsqlDbType.Json },
            },
        };

    private static string Shape<TState>(SnapshotPolicy policy) => $"{policy.StateVersion}:{Json<TState>.Shape}";

    private static class Json<TState>
    {
        public static readonly JsonSerializerOptions Options = new(EventTypes.Json) { TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { TellPhases } } };

        // A property that came, went or became something else makes another schema.
        public static readonly string Shape =
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(JsonSchemaExporter.GetJsonSchemaAsNode(Options, typeof(TState)).ToJsonString())))[..16];

        // A state is a closed list of phases: records nested in an abstract one.
        private static void TellPhases(JsonTypeInfo info)
        {
            if (info is not { Kind: JsonTypeInfoKind.Object, Type.IsAbstract: true, PolymorphismOptions: null })
            {
                return;
            }

            var phases = info.Type.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic).Where(t => !t.IsAbstract && t.IsSubclassOf(info.Type)).ToList();
            if (phases.Count > 0)
            {
                info.PolymorphismOptions = new JsonPolymorphismOptions { TypeDiscriminatorPropertyName = "$phase" };
                phases.ForEach(phase => info.PolymorphismOptions.DerivedTypes.Add(new JsonDerivedType(phase, phase.Name)));
            }
        }
    }
}
