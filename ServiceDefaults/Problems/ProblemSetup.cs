using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.EventStore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ServiceDefaults;

internal static class ProblemSetup
{
    public const string TypePrefix = "urn:agentplatform:problem:";

    public static void AddProblems(this WebApplicationBuilder builder)
    {
        builder.Services.AddProblemDetails(problems => problems.CustomizeProblemDetails = context =>
        {
            context.ProblemDetails.Extensions["traceId"] = Activity.Current?.TraceId.ToString() ?? context.HttpContext.TraceIdentifier;
        });
        builder.Services.AddExceptionHandler<ExceptionsAsProblems>();
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
    }
}

/// <summary>Turns exceptions into problem details; what is nobody's fault but ours says so without showing its insides.</summary>
internal sealed partial class ExceptionsAsProblems(IProblemDetailsService problems, ILogger<ExceptionsAsProblems> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && httpContext.RequestAborted.IsCancellationRequested)
        {
            httpContext.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return true;
        }

        var problem = exception switch
        {
            ProblemException p => new ProblemDetails { Status = p.Status, Type = ProblemSetup.TypePrefix + p.Slug, Detail = p.Message },
            BadHttpRequestException b => new ProblemDetails { Status = b.StatusCode, Type = ProblemSetup.TypePrefix + "bad-request", Detail = Cause(b) },
            JsonException j => new ProblemDetails { Status = 400, Type = ProblemSetup.TypePrefix + "bad-json", Detail = j.Message },
            StreamConflictException => new ProblemDetails { Status = 409, Type = ProblemSetup.TypePrefix + "conflict", Detail = "Somebody else changed it at the same time; load it again and repeat" },
            _ => new ProblemDetails { Status = 500, Type = ProblemSetup.TypePrefix + "internal", Detail = "The service could not do this; its log has the cause under the trace id of this answer" },
        };
        if (exception is ProblemException { Errors.Count: > 0 } several)
        {
            problem.Extensions["errors"] = several.Errors;
        }

        if (problem.Status >= 500)
        {
            Failed(exception, httpContext.Request.Method, httpContext.Request.Path);
        }

        httpContext.Response.StatusCode = problem.Status!.Value;
        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = problem, Exception = exception });
    }

    // Binding wraps the JSON error that names the place; the outer text alone says only that something is wrong.
    private static string Cause(BadHttpRequestException e) => e.InnerException is JsonException json ? $"{e.Message} {json.Message}" : e.Message;

    [LoggerMessage(3101, LogLevel.Error, "{Method} {Path} failed")]
    private partial void Failed(Exception cause, string method, PathString path);
}
