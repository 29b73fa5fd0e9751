using Microsoft.Extensions.Logging;

namespace AgentPlatform.EventStore;

/// <content>What the operator reads.</content>
internal sealed partial class ProjectionWorker
{
    [LoggerMessage(1101, LogLevel.Debug, "This process keeps the projection {Projection} (version {Version}) up to date, from {Position} on")]
    private partial void Leading(string projection, int version, long position);

    [LoggerMessage(1102, LogLevel.Information, "The lead over the projection {Projection} was lost ({Cause}); whoever leads now goes on")]
    private partial void LostLead(string projection, string cause);

    [LoggerMessage(1103, LogLevel.Warning, "The projection {Projection} was interrupted: {Cause}; nothing is lost, next try in {Delay}")]
    private partial void Interrupted(string projection, string cause, TimeSpan delay);

    [LoggerMessage(1104, LogLevel.Error, "The projection {Projection} cannot run; next try in {Delay}")]
    private partial void Broken(Exception cause, string projection, TimeSpan delay);

    [LoggerMessage(1105, LogLevel.Warning, "The rows of the projection {Projection} were built by version {Stored}, this process has version {Mine}: it stands aside for a newer one. Rebuild the projection to go back")]
    private partial void StandsAside(string projection, int mine, int stored);

    [LoggerMessage(1106, LogLevel.Information, "The projection {Projection} is built anew for version {Next}; the rows of version {Served} are served until it has caught up")]
    private partial void Rebuilding(string projection, int served, int next);

    [LoggerMessage(1107, LogLevel.Information, "The projection {Projection} serves the rows of version {Version}, built up to {Position}")]
    private partial void Switched(string projection, int version, long position);

    [LoggerMessage(1108, LogLevel.Error, "{Projection} could not apply event {Sequence} ({Type} of {Stream}); it is parked and the others go on. Mend the cause and retry it")]
    private partial void ParkedOne(Exception cause, string projection, long sequence, string type, string stream);

    [LoggerMessage(1109, LogLevel.Critical, "{Projection} is PAUSED at event {Sequence}: {ParkedMax} events are parked already, so it is the projection that is broken. Its rows stand still until it is mended and resumed")]
    private partial void Paused(Exception cause, string projection, long sequence, int parkedMax);

    [LoggerMessage(1110, LogLevel.Information, "{Projection} applied the parked event {Sequence}")]
    private partial void Retried(string projection, long sequence);

    [LoggerMessage(1111, LogLevel.Warning, "{Projection} still cannot apply the parked event {Sequence}")]
    private partial void StillPoison(Exception cause, string projection, long sequence);
}
