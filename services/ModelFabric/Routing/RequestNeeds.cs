using System.Text.Json;
using AgentPlatform.ModelFabric.Tokens;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>What a request asks of a model.</summary>
/// <param name="OutputTokens">The bound the caller set on the answer; 0 when it set none.</param>
public sealed record RequestNeeds(bool Tools, bool Vision, bool JsonSchema, long InputTokens, long OutputTokens)
{
    public static RequestNeeds Of(CallRequest request, RequestEstimate estimate)
    {
        var (tools, vision, schema) = (false, false, false);
        if (request.Format.AnswersJson)
        {
            var reader = new Utf8JsonReader(request.Body.Span, new JsonReaderOptions { MaxDepth = CallRequest.DepthMax });
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }
                if (reader.CurrentDepth == 1 && (reader.ValueTextEquals("tools"u8) || reader.ValueTextEquals("functions"u8)))
                {
                    tools |= reader.Read() && reader.TokenType == JsonTokenType.StartArray && reader.Read() && reader.TokenType != JsonTokenType.EndArray;
                }
                else if (reader.ValueTextEquals("type"u8) && reader.Read() && reader.TokenType == JsonTokenType.String)
                {
                    // The formats call it by different names, none of which means anything else in another.
                    vision |= reader.ValueTextEquals("image_url"u8) || reader.ValueTextEquals("input_image"u8) || reader.ValueTextEquals("image"u8);
                    schema |= reader.ValueTextEquals("json_schema"u8);
                }
            }
        }
        return new RequestNeeds(tools, vision, schema, estimate.Input, estimate.Output ?? 0);
    }
}
