using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ServiceDefaults.Vault;
using Npgsql;

namespace AgentPlatform.ToolGateway.Secrets;

/// <summary>Keeps the secrets of tools: sealed in a table of their own, opened at the last hop and nowhere between.</summary>
/// <param name="store">The secrets' streams and their table.</param>
/// <param name="writer">Stores what becomes of them.</param>
/// <param name="vault">Seals and opens.</param>
/// <param name="time">The clock.</param>
public sealed partial class SecretBook(PostgresEventStore store, DecisionWriter writer, KeyVault vault, TimeProvider time)
{
    /// <summary>What the vault holds here; part of the key derivation.</summary>
    public const string Purpose = "toolgateway/secrets/1";

    /// <summary>The table of the sealed values.</summary>
    public const string Schema = "create table if not exists ap_tool_secrets (name varchar not null primary key, sealed varchar not null);";

    /// <summary>Bytes of one secret.</summary>
    public const int BytesMax = 16 * 1024;

    /// <summary>Secrets at the same time.</summary>
    public const int SecretsMax = 500;

    /// <summary>Keeps a value; the old one is gone.</summary>
    /// <exception cref="ProblemException">It cannot be kept.</exception>
    public async Task<SecretView> Set(string name, string value, string by, CancellationToken ct)
    {
        if (!NamePattern().IsMatch(name))
        {
            throw new ProblemException(422, "invalid-secret", "A secret's name is up to 60 letters, digits, dashes and underscores");
        }

        if (value.Length == 0 || Encoding.UTF8.GetByteCount(value) > BytesMax || value.Any(char.IsControl))
        {
            throw new ProblemException(422, "invalid-secret", $"A secret has 1 to {BytesMax} bytes without control characters; a copied line break is the usual cause");
        }

        if (vault.IsLocked)
        {
            throw new ProblemException(503, "vault-locked", new VaultLockedException().Message);
        }

        var shown = new SecretEvent.Set(name, $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)))[..8]}", by, time.GetUtcNow());
        if ((await List(ct)) is { Count: >= SecretsMax } all && all.All(other => other.Name != name))
        {
            throw new ProblemException(409, "too-many-secrets", $"There are {SecretsMax} secrets already; remove one that nothing refers to");
        }

        await writer.Write(
            SecretState.Kind,
            name,
            _ => ([shown], []),
            session => session.Enlist(Statement(
                "insert into ap_tool_secrets (name, sealed) values ($1, $2) on conflict (name) do update set sealed = excluded.sealed", name, vault.Seal(Encoding.UTF8.GetBytes(value), name))),
            ct);
        return new SecretView(name, shown.Fingerprint, by, shown.At);
    }

    /// <summary>Forgets a secret.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task Remove(string name, string by, CancellationToken ct)
    {
        var existed = false;
        await writer.Write(
            SecretState.Kind,
            name,
            state => ((existed = state.Known is not null) ? [new SecretEvent.Removed(name, by, time.GetUtcNow())] : [], []),
            session => session.Enlist(Gone(name)),
            ct);
        if (!existed)
        {
            throw ProblemException.NotFound("secret", name);
        }
    }

    /// <summary>Every secret, without its value.</summary>
    public async Task<IReadOnlyList<SecretView>> List(CancellationToken ct) =>
        [.. (await store.Views.List<SecretState>(new ViewQuery(SecretState.List, SecretsMax, Tag: SecretState.Present), ct)).Rows.Select(row => row.Known!)];

    /// <summary>The value, for the last hop; null when there is none of that name.</summary>
    internal async Task<string?> Reveal(string name, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand("select sealed from ap_tool_secrets where name = $1");
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteScalarAsync(ct) is string sealedText ? Encoding.UTF8.GetString(vault.Open(sealedText, name)) : null;
    }

    /// <summary>Nothing can be sealed.</summary>
    internal bool IsLocked => vault.IsLocked;

    /// <summary>Under which the tokens of an MCP server lie; no secret of anybody can have such a name.</summary>
    internal static string OAuth(string server) => $"oauth:{server}";

    /// <summary>Keeps what nobody gave a name and no event tells of; not at all where nothing can be sealed.</summary>
    /// <param name="name">Under which.</param>
    /// <param name="value">What.</param>
    /// <param name="context">It opens for the same only.</param>
    /// <param name="ct">Cancels.</param>
    internal async Task Keep(string name, string value, string context, CancellationToken ct)
    {
        if (vault.IsLocked)
        {
            return;
        }

        await using var command = store.Database.CreateCommand("insert into ap_tool_secrets (name, sealed) values ($1, $2) on conflict (name) do update set sealed = excluded.sealed");
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = vault.Seal(Encoding.UTF8.GetBytes(value), $"{name} {context}") });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>What was kept; null when there is nothing.</summary>
    /// <exception cref="CryptographicException">It was kept for another context.</exception>
    internal async Task<string?> Kept(string name, string context, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand("select sealed from ap_tool_secrets where name = $1");
        command.Parameters.Add(new() { Value = name });
        return !vault.IsLocked && await command.ExecuteScalarAsync(ct) is string sealedText ? Encoding.UTF8.GetString(vault.Open(sealedText, $"{name} {context}")) : null;
    }

    /// <summary>Takes away what was kept.</summary>
    internal static NpgsqlBatchCommand Gone(string name) => Statement("delete from ap_tool_secrets where name = $1", name);

    [GeneratedRegex("^[A-Za-z0-9_-]{1,60}$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    internal static partial Regex NamePattern();

    private static NpgsqlBatchCommand Statement(string sql, params string[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        return command;
    }
}
