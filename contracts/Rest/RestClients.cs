using System.Net.Http.Headers;
using System.Net.Mime;
using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>Makes clients of the REST interfaces over an <see cref="HttpClient"/> that the caller owns.</summary>
public static class RestClients
{
    /// <summary>A client that speaks <see cref="ContractJson"/>.</summary>
    /// <typeparam name="T">One of the interfaces of this assembly.</typeparam>
    /// <param name="http">Its base address is the service.</param>
    /// <remarks>An answer outside 2xx becomes a <see cref="ApiException"/>; its content is problem details (RFC 9457).</remarks>
    public static T For<T>(HttpClient http) =>
        new RestClient(http) { ResponseDeserializer = new Reader(), RequestBodySerializer = new Writer() }.For<T>();

    private sealed class Reader : ResponseDeserializer
    {
        public override T Deserialize<T>(string? content, HttpResponseMessage response, ResponseDeserializerInfo info) =>
            JsonSerializer.Deserialize<T>(content ?? "null", ContractJson.Options)!;
    }

    private sealed class Writer : RequestBodySerializer
    {
        public override HttpContent? SerializeBody<T>(T body, RequestBodySerializerInfo info) =>
            body is null
                ? null
                : new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, ContractJson.Options))
                {
                    Headers = { ContentType = new MediaTypeHeaderValue(MediaTypeNames.Application.Json) },
                };
    }
}
