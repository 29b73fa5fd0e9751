using System.ComponentModel;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Presentations;

public sealed record WritePptxArguments
{
    [Description("Presentation to write, relative to the workspace, ending in .pptx.")]
    public required string Path { get; init; }

    [Description("The presentation. Give either this or spec_path.")]
    public DeckSpec? Spec { get; init; }

    [Description("A JSON file of the workspace that holds the presentation in the same form.")]
    public string? SpecPath { get; init; }
}

public sealed class WritePptx(DocumentOptions options) : Tool<WritePptxArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "documents", Name = "write_pptx", Version = "1", Title = "Write a presentation", Idempotent = true, InputSchema = Schema,
        Description = "Writes a PowerPoint presentation: title slides, nested bullets, tables, bar, line and pie charts with their data inside, and speaker notes.",
    };

    protected override async Task<ToolOutput> Run(WritePptxArguments arguments, ToolCall call, CancellationToken ct)
    {
        if (!arguments.Path.EndsWith(".pptx", StringComparison.OrdinalIgnoreCase)) throw DeckWriter.Bad("its path does not end in .pptx");
        var deck = await SpecFile.Resolve(arguments.Spec, arguments.SpecPath, call, ct);
        var bytes = DeckWriter.Write(deck, options);
        var written = await call.Workspace.WriteAtomic(arguments.Path, stream => stream.WriteAsync(bytes, ct).AsTask(), ct);
        return Done(new { written.Path, written.Bytes, written.Sha256, Slides = deck.Slides.Length, Charts = deck.Slides.Count(slide => slide.Chart is not null) }, written);
    }
}
