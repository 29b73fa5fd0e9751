using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace AgentPlatform.Contracts.Tests;

/// <summary>
/// Contracts only grow: what was recorded must still be read, and is still written the same. To record on purpose, set RECORD_CONTRACTS=1, run these tests
/// once, and look at the difference before it is committed.
/// </summary>
public sealed class RecordedContractsTests
{
    private static readonly JsonSerializerOptions Indented = new(ContractJson.Options) { WriteIndented = true };

    public static TheoryData<string> Names => [.. Samples.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_contract_is_written_as_it_was_recorded(string name)
    {
        var written = Write(Samples.All[name]);
        if (Environment.GetEnvironmentVariable("RECORD_CONTRACTS") == "1")
        {
            File.WriteAllText(PathOf(name), written);
        }

        Assert.True(File.Exists(PathOf(name)), $"json/{name}.json is not recorded yet; run these tests once with RECORD_CONTRACTS=1 and commit the file");
        Assert.Equal(File.ReadAllText(PathOf(name)), written);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_was_recorded_is_read_without_loss(string name)
    {
        var recorded = File.ReadAllText(PathOf(name));

        Assert.Equal(recorded, Write(JsonSerializer.Deserialize(recorded, Samples.All[name].GetType(), ContractJson.Options)!));
    }

    [Fact]
    public void Everything_that_travels_has_a_recorded_example()
    {
        var shown = new HashSet<Type>();
        foreach (var sample in Samples.All.Values)
        {
            Collect(sample.GetType(), shown);
        }

        var records = typeof(IMessage).Assembly.GetExportedTypes().Where(type => type.GetMethod("<Clone>$") is not null);
        var missing = records.Where(record => !shown.Contains(record)).Select(record => record.Name);

        Assert.True(!missing.Any(), $"Add an example to Samples.cs and record it: {string.Join(", ", missing)}");
    }

    [Fact]
    public void Every_recorded_file_belongs_to_an_example() =>
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(PathOf("x"))!).Select(Path.GetFileNameWithoutExtension).Except(Samples.All.Keys, StringComparer.Ordinal));

    private static void Collect(Type type, HashSet<Type> shown)
    {
        var bare = type.IsArray ? type.GetElementType()! : Nullable.GetUnderlyingType(type) ?? type;
        foreach (var argument in bare.GetGenericArguments())
        {
            Collect(argument, shown);
        }

        if (bare.Assembly != typeof(IMessage).Assembly || !shown.Add(bare.IsGenericType ? bare.GetGenericTypeDefinition() : bare))
        {
            return;
        }

        foreach (var property in bare.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            Collect(property.PropertyType, shown);
        }
    }

    private static string Write(object sample) => JsonSerializer.Serialize(sample, sample.GetType(), Indented) + "\n";

    private static string PathOf(string name, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "json", name + ".json");
}
