namespace AgentPlatform.ModelFabric.Chat;

/// <summary>Turns a refused or failed call into the OpenAI error shape; the routes under <c>/v1</c> pass through it.</summary>
public static class AnswerErrors
{
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
        http.Response.StatusCode = failure.Status;
        http.Response.ContentType = "application/json";
        if (failure.RetryAfter is { } wait)
        {
            http.Response.Headers.RetryAfter = ((long)Math.Ceiling(wait.TotalSeconds)).ToString();
        }
        await http.Response.Body.WriteAsync(failure.Error.ToJson(), http.RequestAborted);
    }
}
