using System.IO.Compression;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Toolkits.Office;

/// <summary>Bounds of what is unpacked from a document.</summary>
public sealed record DocumentOptions
{
    public long FileBytesMax { get; init; } = 64L * 1024 * 1024;
    public long UnpackedBytesMax { get; init; } = 256L * 1024 * 1024;
    public int PartsMax { get; init; } = 5000;
    public int RowsMax { get; init; } = 100_000;
    public int CellsMax { get; init; } = 1_000_000;
    public int ElementsMax { get; init; } = 500_000;
}

/// <summary>Opens zipped office files only after unpacking them once to count: the sizes in a zip's directory are a claim of whoever made it.</summary>
internal static class OfficeInput
{
    internal static Stream Open(Workspace workspace, string path, DocumentOptions options)
    {
        var file = workspace.OpenRead(path);
        try
        {
            if (file.Length > options.FileBytesMax)
                throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' has {file.Length} bytes, documents are read up to {options.FileBytesMax}; split it.");
            Measure(file, path, options);
            file.Position = 0;
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    internal static ToolRefusedException Unreadable(string path, string format, Exception error) =>
        new(FailureClass.Unreadable, $"'{path}' cannot be read as {format}: {error.Message} Check that the file is complete and has the right extension.");

    private static void Measure(FileStream file, string path, DocumentOptions options)
    {
        try
        {
            using var zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
            if (zip.Entries.Count > options.PartsMax) throw TooLarge(path, $"more than {options.PartsMax} parts");
            var buffer = new byte[64 * 1024];
            var total = 0L;
            foreach (var entry in zip.Entries)
            {
                using var content = entry.Open();
                for (var read = content.Read(buffer); read > 0; read = content.Read(buffer))
                {
                    total += read;
                    if (total > options.UnpackedBytesMax) throw TooLarge(path, $"more than {options.UnpackedBytesMax} bytes");
                }
            }
        }
        catch (InvalidDataException error)
        {
            throw Unreadable(path, "an office document (a zip file)", error);
        }
    }

    private static ToolRefusedException TooLarge(string path, string what) => new(FailureClass.TooLarge, $"'{path}' unpacks to {what}; it is not opened. Make a smaller file.");
}
