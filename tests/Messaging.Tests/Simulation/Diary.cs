using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging.Tests.Simulation;

/// <summary>The last things a member said, for the story that went wrong.</summary>
public sealed class Diary : ILoggerProvider, ILogger
{
    private const int LinesMax = 25;
    private readonly ConcurrentQueue<string> _lines = new();

    public override string ToString() => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _lines.Enqueue($"{TimeProvider.System.GetUtcNow():mm:ss.fff} {eventId.Id} {formatter(state, exception)} {exception?.GetType().Name}: {exception?.Message}");
        while (_lines.Count > LinesMax)
        {
            _lines.TryDequeue(out _);
        }
    }

    public void Dispose()
    {
    }
}
