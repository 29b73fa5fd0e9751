using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.ModelFabric.Vault;
using AgentPlatform.ServiceDefaults.Vault;
using Microsoft.Extensions.Configuration;

namespace AgentPlatform.ModelFabric.Tests.Providers;

public sealed class KeyVaultTests
{
    private static readonly MasterKey Master = new(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray());
    private readonly KeyVault _vault = new(Master, "test/1");

    [Fact]
    public void What_is_sealed_opens_again_and_never_looks_the_same()
    {
        var (one, two) = (_vault.Seal("key"u8, "here"), _vault.Seal("key"u8, "here"));

        Assert.Equal("key", Encoding.UTF8.GetString(_vault.Open(one, "here")));
        Assert.NotEqual(one, two);
    }

    [Fact]
    public void What_was_sealed_for_one_place_does_not_open_in_another() =>
        Assert.Throws<InvalidOperationException>(() => _vault.Open(_vault.Seal("key"u8, "here"), "there"));

    [Fact]
    public void What_was_sealed_for_one_purpose_does_not_open_for_another() =>
        Assert.Throws<InvalidOperationException>(() => new KeyVault(Master, "test/2").Open(_vault.Seal("key"u8, "here"), "here"));

    [Fact]
    public void A_changed_byte_is_noticed_wherever_it_is()
    {
        var bytes = Convert.FromBase64String(_vault.Seal("key"u8, "here")["v1.".Length..]);
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= 1;
            Assert.Throws<InvalidOperationException>(() => _vault.Open("v1." + Convert.ToBase64String(bytes), "here"));
            bytes[i] ^= 1;
        }
    }

    [Fact]
    public void A_key_file_that_others_can_read_is_refused()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, RandomNumberGenerator.GetBytes(32));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
            Assert.Contains("chmod 600", Assert.Throws<InvalidOperationException>(() => MasterKey.FromFile(path)).Message, StringComparison.Ordinal);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            Assert.NotNull(MasterKey.FromFile(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_key_that_systemd_has_unsealed_is_found_where_no_file_is_named_and_refused_where_anybody_may_read_it()
    {
        var credentials = Directory.CreateTempSubdirectory("credentials-").FullName;
        try
        {
            var here = new ConfigurationBuilder().AddInMemoryCollection([new("CREDENTIALS_DIRECTORY", credentials)]).Build();
            Assert.Null(MasterKey.From(here));

            var file = Path.Combine(credentials, MasterKey.Credential);
            File.WriteAllBytes(file, RandomNumberGenerator.GetBytes(32));

            // As systemd leaves it for a service with a user of its own: an access list, which shows as the right of the group.
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.GroupRead);
            Assert.NotNull(MasterKey.From(here));

            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.OtherRead);
            Assert.Throws<InvalidOperationException>(() => MasterKey.From(here));
        }
        finally
        {
            Directory.Delete(credentials, recursive: true);
        }
    }

    [Fact]
    public void A_secret_prints_as_its_fingerprint_and_refuses_to_be_serialised()
    {
        var secret = new Secret("canary");

        Assert.DoesNotContain("canary", secret.ToString(), StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => JsonSerializer.Serialize(new { secret }));
    }
}
