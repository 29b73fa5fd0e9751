using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.AspNetCore.Http.Features;

namespace AgentPlatform.ToolGateway.Http;

/// <summary><c>/v1/workspaces/{id}/files</c>: what goes into a run and what comes out of it.</summary>
internal static class WorkspaceRoutes
{
    private const int FilesListedMax = 10_000;

    public static void MapWorkspaces(this IEndpointRouteBuilder app)
    {
        var files = app.MapGroup("/v1/workspaces/{workspace}/files");
        files.MapPut("{**path}", Put).RequireAuthorization(Access.Operate);
        files.MapGet("{**path}", Get).RequireAuthorization(Access.Read);
        files.MapGet("", List).RequireAuthorization(Access.Read);
    }

    private static async Task<Artifact> Put(WorkspaceId workspace, string path, WorkspaceFolders folders, HttpContext http, CancellationToken ct)
    {
        // The workspace has its own bound on the size of a file, and a name for it.
        http.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
        using var opened = folders.Open(workspace);
        return await Guard(async () =>
        {
            var file = await opened.WriteAtomic(path, stream => http.Request.Body.CopyToAsync(stream, ct), ct);
            return new Artifact(file.Path, file.Sha256, file.Bytes, MediaTypes.Of(file.Path));
        });
    }

    private static async Task<IResult> Get(WorkspaceId workspace, string path, WorkspaceFolders folders)
    {
        if (!folders.Exists(workspace))
        {
            throw ProblemException.NotFound("workspace", workspace);
        }

        using var opened = folders.Open(workspace);
        return await Guard(() => Task.FromResult(TypedResults.Stream(opened.OpenRead(path), MediaTypes.Of(path), enableRangeProcessing: true)));
    }

    private static async Task<Page<WorkspaceFile>> List(WorkspaceId workspace, WorkspaceFolders folders, string? glob = null)
    {
        if (!folders.Exists(workspace))
        {
            return new Page<WorkspaceFile>([], Next: null);
        }

        using var opened = folders.Open(workspace);
        return await Guard(() => Task.FromResult(new Page<WorkspaceFile>([.. opened.List(glob ?? "**", FilesListedMax).Files.Select(f => new WorkspaceFile(f.Path, f.Bytes))], Next: null)));
    }

    private static async Task<T> Guard<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (WorkspaceRefusedException e)
        {
            throw new ProblemException(e.Kind == RefusalKind.NotFound ? 404 : e.Kind == RefusalKind.TooLarge ? 413 : 400, $"file-{System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(e.Kind.ToString())}", e.Message);
        }
    }
}
