using System.Text.Json.Nodes;

namespace AgentPlatform.ModelFabric.Scripted;

/// <summary>Answers written down beforehand, one per assistant turn.</summary>
public sealed record Script(string Model, IReadOnlyList<ScriptTurn> Turns);

/// <param name="Delay">Waited before the turn's first byte.</param>
/// <param name="ChunkDelay">Waited before each further chunk of a stream.</param>
public sealed record ScriptTurn(string? Text, IReadOnlyList<ScriptCall> Calls, TimeSpan Delay, TimeSpan ChunkDelay);

/// <param name="Tool">Either form matches, <c>files.read</c> or <c>files__read</c>.</param>
public sealed record ScriptCall(string Tool, JsonObject Arguments);

/// <summary>The file is no script; the message says where and what to change.</summary>
public sealed class ScriptException(string message, Exception? inner = null) : Exception(message, inner);
