using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.AppHost.Data;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.AppHost.Tests.Data;

public sealed class DataFolderTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryFolder folder = TemporaryFolder.Make();

    private string Path => System.IO.Path.Combine(folder.Path, "data");

    [Fact]
    public void A_folder_belongs_to_one_at_a_time()
    {
        using (DataFolder.Open(Path))
        {
            Assert.Throws<DataFolderInUseException>(() => DataFolder.Open(Path));
        }

        DataFolder.Open(Path).Dispose();
    }

    [Fact]
    public void What_is_in_it_is_for_its_owner_alone()
    {
        using var data = DataFolder.Open(Path);
        new Credentials(data).Ensure(["audit"]);

        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(Path));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(data.Credentials));
        Assert.All(Directory.EnumerateFiles(data.Credentials).Append(data.OwnerToken), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
    }

    [Fact]
    public void Principals_hold_hashes_of_the_tokens_in_the_files()
    {
        using var data = DataFolder.Open(Path);
        var credentials = new Credentials(data);
        credentials.Ensure(["audit"]);

        Assert.Equal(
            [("owner", "owner", HashOf(data.OwnerToken)), ("audit", "service", HashOf(credentials.ServiceTokenFile("audit")))],
            Principals(credentials).Select(known => (known.Name, known.Role, known.TokenSha256)));
    }

    [Fact]
    public void Secrets_are_made_once_and_principals_of_others_stay()
    {
        using var data = DataFolder.Open(Path);
        var credentials = new Credentials(data);
        credentials.Ensure(["audit"]);
        var (token, key) = (File.ReadAllText(data.OwnerToken), File.ReadAllBytes(credentials.MasterKeyFile));
        var guest = new Principal("guest", "viewer", "00");
        File.WriteAllText(credentials.PrincipalsFile, JsonSerializer.Serialize(Principals(credentials).Append(guest), JsonSerializerOptions.Web));

        credentials.Ensure(["audit", "sessions"]);
        Assert.Equal(token, File.ReadAllText(data.OwnerToken));
        Assert.Equal(key, File.ReadAllBytes(credentials.MasterKeyFile));
        Assert.Equal(["owner", "audit", "sessions", "guest"], Principals(credentials).Select(known => known.Name));
    }

    [Fact]
    public void A_platform_file_left_by_a_dead_process_is_not_believed()
    {
        Directory.CreateDirectory(Path);
        var file = DataFolder.PlatformFileIn(Path);
        Assert.Null(PlatformFile.ReadLiving(file));

        var mine = new PlatformFile(Environment.ProcessId, DateTimeOffset.UnixEpoch, new Dictionary<string, string> { ["audit"] = "http://127.0.0.1:7105" });
        mine.Write(file);
        Assert.Equal("http://127.0.0.1:7105", PlatformFile.ReadLiving(file)!.Endpoints["audit"]);

        (mine with { Pid = int.MaxValue }).Write(file);
        Assert.Null(PlatformFile.ReadLiving(file));
    }

    public void Dispose() => folder.Dispose();

    private static Principal[] Principals(Credentials credentials) =>
        JsonSerializer.Deserialize<Principal[]>(File.ReadAllText(credentials.PrincipalsFile), JsonSerializerOptions.Web)!;

    private static string HashOf(string tokenFile) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(File.ReadAllText(tokenFile))));
}
