using System.IO.Compression;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace AgentPlatform.ToolGateway.Toolkits.Office;

/// <summary>
/// Writes an Open Packaging file whose bytes depend on nothing but its parts. The SDK's own writer stamps each part with the time and makes up relationship ids,
/// so the same figures would have another hash in every run.
/// </summary>
internal sealed class OfficeOutput
{
    private const string Relationships = "http://schemas.openxmlformats.org/package/2006/relationships";
    private const string ContentTypes = "http://schemas.openxmlformats.org/package/2006/content-types";
    private static readonly DateTimeOffset Timestamp = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // The first a zip file can hold.

    private readonly SortedDictionary<string, byte[]> parts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> types = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, List<XElement>> relations = new(StringComparer.Ordinal);

    /// <summary>Adds an XML part.</summary>
    public void Add(string path, string contentType, XElement root) => Add(path, contentType, Bytes(root));

    public void Add(string path, string contentType, byte[] content)
    {
        parts.Add(path, content);
        types.Add(path, contentType);
    }

    /// <summary>Relates a part (empty: the package) to another and returns the id, which counts up within the source.</summary>
    public string Relate(string source, string type, string target, bool external = false)
    {
        if (!relations.TryGetValue(source, out var list)) relations[source] = list = [];
        var id = $"rId{list.Count + 1}";
        XNamespace space = Relationships;
        list.Add(new XElement(space + "Relationship", new XAttribute("Id", id), new XAttribute("Type", type),
            new XAttribute("Target", external ? target : "/" + target), external ? new XAttribute("TargetMode", "External") : null));
        return id;
    }

    public byte[] Pack()
    {
        foreach (var (source, list) in relations)
        {
            var slash = source.LastIndexOf('/');
            XNamespace space = Relationships;
            parts[$"{source[..(slash + 1)]}_rels/{source[(slash + 1)..]}.rels"] = Bytes(new XElement(space + "Relationships", list));
        }
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            Write(zip, "[Content_Types].xml", Bytes(ListTypes())); // Some readers want it first.
            foreach (var (path, content) in parts) Write(zip, path, content);
        }
        return memory.ToArray();
    }

    private static void Write(ZipArchive zip, string path, byte[] content)
    {
        var entry = zip.CreateEntry(path, CompressionLevel.Optimal);
        entry.LastWriteTime = Timestamp;
        using var stream = entry.Open();
        stream.Write(content);
    }

    private XElement ListTypes()
    {
        XNamespace space = ContentTypes;
        return new XElement(space + "Types",
            new XElement(space + "Default", new XAttribute("Extension", "rels"), new XAttribute("ContentType", "application/vnd.openxmlformats-package.relationships+xml")),
            types.Select(type => new XElement(space + "Override", new XAttribute("PartName", "/" + type.Key), new XAttribute("ContentType", type.Value))));
    }

    private static byte[] Bytes(XElement root)
    {
        using var memory = new MemoryStream();
        var settings = new XmlWriterSettings { Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), Indent = false, CheckCharacters = true };
        using (var writer = XmlWriter.Create(memory, settings)) new XDocument(new XDeclaration("1.0", "UTF-8", "yes"), root).Save(writer);
        return memory.ToArray();
    }
}
