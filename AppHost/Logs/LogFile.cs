using System.Globalization;

namespace AgentPlatform.AppHost.Logs;

/// <summary>A log on disk that cannot fill the disk: at the bound it becomes <c>.1</c>, the one before <c>.2</c>, and so on.</summary>
internal sealed class LogFile(string path, long bytesMax = 10_000_000, int oldFilesMax = 3) : IDisposable
{
    private StreamWriter? writer;
    private bool isGivenUp;

    /// <summary>Null when it was written; else, once, why nothing is written any more: a full disk must not stop a service.</summary>
    /// <remarks>Not safe for two threads at once; <see cref="ConsoleLog"/> calls it under its lock.</remarks>
    public string? Write(DateTimeOffset at, string text)
    {
        if (isGivenUp)
        {
            return null;
        }

        try
        {
            Append(at, text);
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            isGivenUp = true;
            return $"{path} cannot be written and stays as it is: {error.Message}";
        }
    }

    public void Dispose() => writer?.Dispose();

    private void Append(DateTimeOffset at, string text)
    {
        if (writer is { } full && full.BaseStream.Position > bytesMax)
        {
            full.Dispose();
            writer = null;
            Rotate();
        }

        writer ??= new StreamWriter(new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        { AutoFlush = true };
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{at:yyyy-MM-ddTHH:mm:ss.fffZ} {text}"));
    }

    private void Rotate()
    {
        for (var i = oldFilesMax; i > 0; i--)
        {
            var older = i == 1 ? path : $"{path}.{i - 1}";
            if (File.Exists(older))
            {
                File.Move(older, $"{path}.{i}", overwrite: true);
            }
        }
    }
}
