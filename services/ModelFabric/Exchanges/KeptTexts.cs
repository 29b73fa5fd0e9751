using System.Security.Cryptography;
using System.Text;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Exchanges;

/// <summary>A question and its answer, as a policy wants them kept.</summary>
/// <param name="Call">Whose they are.</param>
/// <param name="Key">What was asked, by whom and of which model (<see cref="KeyOf"/>).</param>
/// <param name="Request">Null when only the answer is kept, to be given again.</param>
/// <param name="Until">When both are forgotten.</param>
public sealed record KeptTexts(Guid Call, string Key, string ContentType, ReadOnlyMemory<byte>? Request, ReadOnlyMemory<byte> Answer, DateTimeOffset At, DateTimeOffset Until)
{
    /// <summary>The same for the same question of the same principal to the same model, and for no other.</summary>
    public static string KeyOf(string principal, CallRequest request, string model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // No part can pass for the end of another: principals and models hold no control characters.
        hash.AppendData(Encoding.UTF8.GetBytes($"{principal}\n{request.Format.Name}\n{model}\n"));
        hash.AppendData(request.Body.Span[..request.ModelToken.Start.Value]);
        hash.AppendData("\n"u8);
        hash.AppendData(request.Body.Span[request.ModelToken.End.Value..]);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
