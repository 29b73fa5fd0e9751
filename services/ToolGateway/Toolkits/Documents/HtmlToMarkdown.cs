using System.Text;
using System.Text.RegularExpressions;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

/// <summary>The readable part of a page. Nothing is loaded and no script runs: the parser is used alone.</summary>
internal static partial class HtmlToMarkdown
{
    private const int DepthMax = 200;
    private static readonly HashSet<string> Dropped = new(StringComparer.OrdinalIgnoreCase) { "script", "style", "nav", "noscript", "template", "svg", "iframe", "form", "button", "head" };
    private static readonly HashSet<string> Blocks = new(StringComparer.OrdinalIgnoreCase)
    {
        "address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6",
        "header", "hr", "html", "main", "ol", "p", "pre", "section", "summary", "table", "ul",
    };

    internal static void Convert(string html, string path, DocumentOptions options, MarkdownText markdown)
    {
        var document = new HtmlParser().ParseDocument(html);
        if (document.All.Length > options.ElementsMax) throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' has more than {options.ElementsMax} elements; split it.");
        if (document.Body is { } body) Walk(body, markdown, depth: 0);
    }

    private static void Walk(IElement element, MarkdownText markdown, int depth)
    {
        if (depth > DepthMax) return; // Nested beyond any text written by people.
        var inline = new StringBuilder();
        foreach (var node in element.ChildNodes)
        {
            if (node is IElement child && Dropped.Contains(child.LocalName)) continue;
            if (node is IElement block && (Blocks.Contains(block.LocalName) || HasBlock(block)))
            {
                Flush();
                Block(block, markdown, depth + 1);
            }
            else
            {
                Inline(node, inline, depth + 1);
            }
        }
        Flush();

        void Flush()
        {
            markdown.Block(Tidy(inline.ToString()));
            inline.Clear();
        }
    }

    private static void Block(IElement element, MarkdownText markdown, int depth)
    {
        switch (element.LocalName)
        {
            case ['h', >= '1' and <= '6'] heading:
                markdown.Block($"{new string('#', heading[1] - '0')} {Text(element, depth)}");
                break;
            case "ul" or "ol":
                markdown.Block(List(element, indent: "", depth));
                break;
            case "table":
                if (element.QuerySelector("caption") is { } caption) markdown.Block($"**{Text(caption, depth)}**");
                // Rows of a table inside a cell belong to that table.
                markdown.Table([.. element.QuerySelectorAll("tr").Where(row => row.Closest("table") == element).Select(row =>
                    (IReadOnlyList<string>)[.. row.Children.Where(cell => cell.LocalName is "td" or "th").Select(cell => Text(cell, depth))])]);
                break;
            case "pre":
                var language = element.QuerySelector("code")?.ClassList.FirstOrDefault(name => name.StartsWith("language-", StringComparison.Ordinal))?["language-".Length..] ?? "";
                var fence = element.TextContent.Contains("```", StringComparison.Ordinal) ? "````" : "```";
                markdown.Block($"{fence}{language}\n{element.TextContent.ReplaceLineEndings("\n").Trim('\n')}\n{fence}");
                break;
            case "blockquote":
                var quote = new MarkdownText();
                Walk(element, quote, depth);
                markdown.Block(string.Join('\n', quote.ToString().TrimEnd().Split('\n').Select(line => $"> {line}".TrimEnd())));
                break;
            case "hr":
                markdown.Block("---");
                break;
            case "dt":
                markdown.Block($"**{Text(element, depth)}**");
                break;
            default:
                Walk(element, markdown, depth);
                break;
        }
    }

    private static string List(IElement list, string indent, int depth)
    {
        var text = new StringBuilder();
        var number = 1;
        foreach (var item in list.Children.Where(child => child.LocalName == "li"))
        {
            var mark = list.LocalName == "ol" ? $"{number++}." : "-";
            var own = new StringBuilder();
            var nested = new StringBuilder();
            foreach (var node in item.ChildNodes)
            {
                if (node is IElement { LocalName: "ul" or "ol" } inner && depth < DepthMax) nested.Append(List(inner, indent + new string(' ', mark.Length + 1), depth + 1));
                else Inline(node, own.Append(' '), depth + 1);
            }
            text.Append(indent).Append(mark).Append(' ').Append(Tidy(own.ToString())).Append('\n').Append(nested);
        }
        return text.ToString();
    }

    private static void Inline(INode node, StringBuilder text, int depth)
    {
        if (depth > DepthMax) return;
        if (node is IText leaf) text.Append(Spaces().Replace(leaf.Data, " "));
        if (node is not IElement element || Dropped.Contains(element.LocalName)) return;
        switch (element.LocalName)
        {
            case "br":
                text.Append('\n');
                break;
            case "code" or "kbd" or "samp":
                text.Append('`').Append(element.TextContent.Trim()).Append('`');
                break;
            case "strong" or "b":
                Wrap("**");
                break;
            case "em" or "i":
                Wrap("*");
                break;
            case "a" when element.GetAttribute("href") is { Length: > 0 } href && !href.StartsWith("javascript:", StringComparison.OrdinalIgnoreCase):
                text.Append('[').Append(Text(element, depth)).Append("](").Append(href.Replace(" ", "%20", StringComparison.Ordinal)).Append(')');
                break;
            case "img":
                text.Append("![").Append(element.GetAttribute("alt")).Append("](").Append(element.GetAttribute("src")).Append(')');
                break;
            default:
                foreach (var child in element.ChildNodes) Inline(child, text, depth + 1);
                break;
        }

        void Wrap(string mark)
        {
            var inner = Text(element, depth);
            if (inner.Length > 0) text.Append(mark).Append(inner).Append(mark);
        }
    }

    private static string Text(IElement element, int depth)
    {
        var text = new StringBuilder();
        foreach (var node in element.ChildNodes) Inline(node, text, depth + 1);
        return Tidy(text.ToString());
    }

    private static bool HasBlock(IElement element) => element.LocalName is not ("a" or "li") && element.Children.Any(child => Blocks.Contains(child.LocalName));

    private static string Tidy(string text) => string.Join('\n', text.Split('\n').Select(line => Spaces().Replace(line, " ").Trim())).Trim('\n');

    [GeneratedRegex(@"[ \t\r\n\f\u00a0]+", RegexOptions.NonBacktracking)]
    private static partial Regex Spaces();
}
