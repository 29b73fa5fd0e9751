using System.Text;
using System.Xml;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Workspaces;
using DocumentFormat.OpenXml;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Wordprocessing;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

/// <summary>Headings, paragraphs, lists, tables, links, emphasis and footnotes of a Word document.</summary>
internal static class DocxToMarkdown
{
    internal static void Convert(Workspace workspace, string path, DocumentOptions options, MarkdownText markdown)
    {
        using var file = OfficeInput.Open(workspace, path, options);
        try
        {
            using var document = WordprocessingDocument.Open(file, isEditable: false);
            var main = document.MainDocumentPart ?? throw new InvalidDataException("it has no main part.");
            var reader = new Reader(main, markdown, options.ElementsMax, path);
            reader.Blocks(main.Document.Body?.ChildElements.ToList() ?? []);
            reader.Footnotes();
        }
        catch (Exception error) when (error is OpenXmlPackageException or InvalidDataException or XmlException or FileFormatException)
        {
            throw OfficeInput.Unreadable(path, "a Word document", error);
        }
    }

    private sealed class Reader(MainDocumentPart main, MarkdownText markdown, int elementsMax, string path)
    {
        private readonly List<long> footnotes = [];
        private readonly Dictionary<(int List, int Level), int> numbers = [];
        private int elements;
        private bool inList;

        public void Blocks(IReadOnlyList<OpenXmlElement> blocks)
        {
            foreach (var block in blocks)
            {
                if (++elements > elementsMax) throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' has more than {elementsMax} paragraphs; split it.");
                switch (block)
                {
                    case Paragraph paragraph:
                        Write(paragraph);
                        break;
                    case Table table:
                        inList = false;
                        markdown.Table([.. table.Elements<TableRow>().Select(row => (IReadOnlyList<string>)[.. row.Elements<TableCell>().Select(CellText)])]);
                        break;
                    case SdtBlock content when content.SdtContentBlock is { } inner:
                        Blocks([.. inner.ChildElements]);
                        break;
                }
            }
        }

        public void Footnotes()
        {
            foreach (var id in footnotes)
            {
                var note = main.FootnotesPart?.Footnotes.Elements<Footnote>().FirstOrDefault(item => item.Id?.Value == id);
                if (note is not null) markdown.Block($"[^{id}]: {string.Join(' ', note.Elements<Paragraph>().Select(Inline)).Trim()}");
            }
        }

        private void Write(Paragraph paragraph)
        {
            var text = Inline(paragraph).Trim();
            var style = paragraph.ParagraphProperties?.ParagraphStyleId?.Val?.Value ?? "";
            if (text.Length == 0) return;
            if (HeadingLevel(style) is { } level)
            {
                inList = false;
                markdown.Block($"{new string('#', level)} {text}");
            }
            else if (Numbering(paragraph, style) is var (list, depth))
            {
                var ordered = IsOrdered(list, depth);
                var number = numbers[(list, depth)] = numbers.GetValueOrDefault((list, depth)) + 1;
                foreach (var deeper in numbers.Keys.Where(key => key.List == list && key.Level > depth).ToList()) numbers.Remove(deeper);
                var line = $"{new string(' ', depth * 3)}{(ordered ? $"{number}." : "-")} {text}";
                if (inList) markdown.Line(line);
                else markdown.Block(line.TrimStart(' '));
                inList = true;
            }
            else
            {
                inList = false;
                markdown.Block(style.Contains("Quote", StringComparison.OrdinalIgnoreCase) ? $"> {text}" : text);
            }
        }

        private int? HeadingLevel(string style)
        {
            if (style.Length == 0) return null;
            if (style.Equals("Title", StringComparison.OrdinalIgnoreCase)) return 1;
            // Style ids are translated by some programs; the outline level of the style is not.
            var definition = main.StyleDefinitionsPart?.Styles?.Elements<Style>().FirstOrDefault(item => item.StyleId?.Value == style);
            if (definition?.StyleParagraphProperties?.OutlineLevel?.Val?.Value is { } outline && outline < 6) return outline + 1;
            return style.StartsWith("Heading", StringComparison.OrdinalIgnoreCase) && style.Length == 8 && style[^1] is >= '1' and <= '6' ? style[^1] - '0' : null;
        }

        private static (int List, int Level)? Numbering(Paragraph paragraph, string style)
        {
            if (paragraph.ParagraphProperties?.NumberingProperties is { NumberingId.Val.Value: > 0 } numbering) return (numbering.NumberingId!.Val!.Value, Math.Min(8, numbering.NumberingLevelReference?.Val?.Value ?? 0));
            return style.StartsWith("ListBullet", StringComparison.OrdinalIgnoreCase) ? (0, 0) : style.StartsWith("ListNumber", StringComparison.OrdinalIgnoreCase) ? (-1, 0) : null;
        }

        private bool IsOrdered(int list, int level)
        {
            if (list <= 0) return list < 0;
            var numbering = main.NumberingDefinitionsPart?.Numbering;
            var instance = numbering?.Elements<NumberingInstance>().FirstOrDefault(item => item.NumberID?.Value == list);
            var definition = numbering?.Elements<AbstractNum>().FirstOrDefault(item => item.AbstractNumberId?.Value == instance?.AbstractNumId?.Val?.Value);
            var format = definition?.Elements<Level>().FirstOrDefault(item => item.LevelIndex?.Value == level)?.NumberingFormat?.Val?.Value;
            return format is not null && format != NumberFormatValues.Bullet && format != NumberFormatValues.None;
        }

        private string CellText(TableCell cell) => string.Join('\n', cell.Elements<Paragraph>().Select(Inline)).Trim();

        private string Inline(OpenXmlElement parent)
        {
            var text = new StringBuilder();
            foreach (var child in parent.ChildElements)
            {
                switch (child)
                {
                    case Run run:
                        text.Append(RunText(run));
                        break;
                    case Hyperlink link:
                        var target = link.Id?.Value is { } id ? main.HyperlinkRelationships.FirstOrDefault(item => item.Id == id)?.Uri.OriginalString : null;
                        text.Append(target is null ? Inline(link) : $"[{Inline(link)}]({target})");
                        break;
                    case InsertedRun or SdtRun or SdtContentRun or SimpleField:
                        text.Append(Inline(child)); // Deleted runs are another element and stay out.
                        break;
                }
            }
            return text.Replace("****", "").ToString(); // Word splits a bold word into many runs.
        }

        private string RunText(Run run)
        {
            var text = new StringBuilder();
            foreach (var part in run.ChildElements)
            {
                switch (part)
                {
                    case Text leaf: text.Append(leaf.Text); break;
                    case TabChar: text.Append(' '); break;
                    case Break or CarriageReturn: text.Append('\n'); break;
                    case NoBreakHyphen: text.Append('-'); break;
                    case FootnoteReference { Id.Value: var id }:
                        footnotes.Add(id);
                        text.Append($"[^{id}]");
                        break;
                }
            }
            var value = text.ToString();
            if (string.IsNullOrWhiteSpace(value)) return value;
            var mark = (IsOn(run.RunProperties?.Bold) ? "**" : "") + (IsOn(run.RunProperties?.Italic) ? "*" : "");
            if (mark.Length == 0) return value;
            // Marks must touch the words: "**word **" is not bold in Markdown.
            var core = value.Trim();
            var start = value.IndexOf(core, StringComparison.Ordinal);
            return value[..start] + mark + core + new string([.. mark.Reverse()]) + value[(start + core.Length)..];
        }

        private static bool IsOn(OnOffType? property) => property is not null && property.Val?.Value != false;
    }
}
