using System.Globalization;
using System.Text;

namespace AgentPlatform.ToolGateway.Tests.Samples;

/// <summary>A PDF of text lines in the fonts every reader has. Libraries embed the fonts of the machine, so their files differ from one machine to the next.</summary>
internal static class SmallPdf
{
    internal static byte[] Write(params string[][] pages)
    {
        var objects = new List<string>
        {
            "<< /Type /Catalog /Pages 2 0 R >>",
            $"<< /Type /Pages /Count {pages.Length} /Kids [{string.Join(' ', pages.Select((_, i) => $"{5 + (i * 2)} 0 R"))}] >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        };
        foreach (var lines in pages)
        {
            var text = new StringBuilder("BT\n");
            var y = 780;
            foreach (var line in lines)
            {
                var heading = line.StartsWith("# ", StringComparison.Ordinal);
                text.Append(CultureInfo.InvariantCulture, $"{(heading ? "/F1 16" : "/F2 10.5")} Tf 1 0 0 1 60 {y} Tm ({Escaped(heading ? line[2..] : line)}) Tj\n");
                y -= heading ? 30 : 16;
            }
            text.Append("ET\n");
            objects.Add($"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {objects.Count + 2} 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>");
            objects.Add($"<< /Length {text.Length} >>\nstream\n{text}endstream");
        }
        var file = new StringBuilder("%PDF-1.4\n");
        var offsets = new List<int>();
        for (var i = 0; i < objects.Count; i++)
        {
            offsets.Add(file.Length);
            file.Append(CultureInfo.InvariantCulture, $"{i + 1} 0 obj\n{objects[i]}\nendobj\n");
        }
        var start = file.Length;
        file.Append(CultureInfo.InvariantCulture, $"xref\n0 {objects.Count + 1}\n0000000000 65535 f \n");
        foreach (var offset in offsets) file.Append(CultureInfo.InvariantCulture, $"{offset:D10} 00000 n \n");
        file.Append(CultureInfo.InvariantCulture, $"trailer\n<< /Size {objects.Count + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
        return Encoding.Latin1.GetBytes(file.ToString());
    }

    private static string Escaped(string line) => line.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("(", "\\(", StringComparison.Ordinal).Replace(")", "\\)", StringComparison.Ordinal);
}
