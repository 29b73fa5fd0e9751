using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.AppHost.Data;

/// <summary>Somebody who may speak to the services. Only the hash of the token is kept where services read it.</summary>
/// <param name="Role"><c>owner operator approver viewer agent</c>, or <c>service</c>.</param>
/// <param name="TokenSha256">SHA-256 of the token's UTF-8 bytes, as lower-case hex.</param>
internal sealed record Principal(string Name, string Role, string TokenSha256);

/// <summary>The secrets of one stack: made once, kept in files of mode 0600, handed on as paths.</summary>
internal sealed class Credentials(DataFolder data)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public string PrincipalsFile => In("principals.json");

    public string MasterKeyFile => In("master.key");

    public string PostgresPasswordFile => In("postgres.password");

    public string NatsTokenFile => In("nats.token");

    public string DashboardLoginToken => Secret("dashboard-login.token");

    public string DashboardApiKey => Secret("dashboard-api.key");

    public string TelemetryKey => Secret("telemetry.key");

    public string ServiceTokenFile(string service) => In(service + ".token");

    /// <summary>Makes what is missing. Principals added by others stay.</summary>
    public void Ensure(IEnumerable<string> services)
    {
        if (!File.Exists(MasterKeyFile))
        {
            PrivateFiles.Write(MasterKeyFile, RandomNumberGenerator.GetBytes(32));
        }

        Principal[] ours =
        [
            Known("owner", "owner", data.OwnerToken),
            .. services.Select(service => Known(service, "service", ServiceTokenFile(service))),
        ];
        var others = Read().Where(known => !Array.Exists(ours, mine => mine.Name == known.Name));
        PrivateFiles.Write(PrincipalsFile, JsonSerializer.SerializeToUtf8Bytes(ours.Concat(others), Json));
    }

    private static Principal Known(string name, string role, string tokenFile)
    {
        var token = PrivateFiles.ReadOrMake(tokenFile, PrivateFiles.NewSecret);
        return new Principal(name, role, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token))));
    }

    private Principal[] Read() => File.Exists(PrincipalsFile)
        ? JsonSerializer.Deserialize<Principal[]>(File.ReadAllBytes(PrincipalsFile), Json) ?? []
        : [];

    private string Secret(string file) => PrivateFiles.ReadOrMake(In(file), PrivateFiles.NewSecret);

    private string In(string file) => Path.Combine(data.Credentials, file);
}
