using System.Text.Json.Nodes;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>What all formats of OpenAI have in common: how an error looks.</summary>
public abstract class OpenAiFormat : WireFormat
{
    public override byte[] Error(ModelCallException failure, string? requestId) => EventBytes.Json(new JsonObject { ["error"] = Body(failure.Error) });

    public override byte[] StreamError(ModelCallException failure) => EventBytes.One(name: null, Error(failure, requestId: null));

    protected static JsonObject Body(CallError error) =>
        new() { ["message"] = error.Message, ["type"] = error.Type, ["param"] = error.Param, ["code"] = error.Code };
}
