using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ModelFabric.Wire.Messages;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>Turns a refused or failed call into the error shape of the caller's format; the routes for models pass through it.</summary>
public static class AnswerErrors
{
    /// <summary>The format that the callers of a path read; null where problem details are spoken.</summary>
    public static WireFormat? FormatOf(PathString path) =>
        path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase) ? ChatFormat.Instance
        : path.StartsWithSegments("/anthropic", StringComparison.OrdinalIgnoreCase) ? MessagesFormat.Instance
        : null;

    public static async Task Invoke(HttpContext http, RequestDelegate next)
    {
        try
        {
            await next(http);
        }
        catch (ModelCallException failure) when (!http.Response.HasStarted)
        {
            await Write(http, failure);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to be told.
            http.Response.StatusCode = 499;
        }
    }

    public static async Task Write(HttpContext http, ModelCallException failure)
    {
        var format = FormatOf(http.Request.Path) ?? ChatFormat.Instance;
        http.Response.StatusCode = failure.Status;
        http.Response.ContentType = "application/json";
        if (failure.RetryAfter is { } wait)
        {
            http.Response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString();
        }
        await http.Response.Body.WriteAsync(format.Error(failure, http.Response.Headers[CallHeaders.Call]), http.RequestAborted);
    }
}
