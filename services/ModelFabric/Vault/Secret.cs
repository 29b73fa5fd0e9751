using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentPlatform.ModelFabric.Vault;

/// <summary>
/// A key in clear, in memory. It can be read from JSON but never written to it, and prints as its fingerprint,
/// so that a record that holds one may be logged by accident without telling anything.
/// </summary>
[JsonConverter(typeof(ReadOnlyConverter))]
public sealed class Secret
{
    private readonly string _value;

    public Secret(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _value = value;
    }

    /// <summary>What may be shown: enough to tell two keys apart, too little to recover one.</summary>
    public string Fingerprint => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_value)))[..8];

    public bool IsEmpty => _value.Length == 0;

    /// <summary>The key itself; only the last hop and the vault have a reason to ask.</summary>
    public string Reveal() => _value;

    public override string ToString() => $"[secret {Fingerprint}]";

    private sealed class ReadOnlyConverter : JsonConverter<Secret>
    {
        public override Secret? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } value ? new Secret(value) : null;

        public override void Write(Utf8JsonWriter writer, Secret value, JsonSerializerOptions options) =>
            throw new NotSupportedException("A secret is never written out. Show its fingerprint instead.");
    }
}
