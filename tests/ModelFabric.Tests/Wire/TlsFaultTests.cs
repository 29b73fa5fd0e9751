using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>Providers whose TLS is wrong: no request, and so no key, is ever sent to one, and the caller is told what to look at.</summary>
public sealed class TlsFaultTests
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";

    [Theory]
    [InlineData("untrusted", "certificate")]
    [InlineData("expired", "certificate")]
    [InlineData("plain", "TLS")]
    [InlineData("hangs up", "TLS")]
    public async Task A_provider_whose_tls_is_wrong_gets_no_request_and_the_caller_is_told_why(string fault, string named)
    {
        var asked = 0;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        await using var server = Server(fault, () => Interlocked.Increment(ref asked));
        string url;
        if (fault == "hangs up")
        {
            listener.Start();
            _ = HangUp(listener);
            url = $"https://{listener.LocalEndpoint}/v1";
        }
        else
        {
            await server.StartAsync();
            url = server.Urls.First().Replace("http://", "https://", StringComparison.Ordinal) + "/v1";
        }
        await using var fabric = await FabricHost.Start(("ModelFabric:Upstream:RetriesMax", "0"));
        using var put = await fabric.PutProvider("up", new { kind = "openai", baseUrl = url, models = new[] { "real" }, key = Key });
        foreach (var stream in (bool[])[false, true])
        {
            using var response = await fabric.Chat(FabricHost.Ask(stream: stream));

            var error = await response.Error(502);
            Assert.Equal("upstream_unreachable", (string)error["code"]!);
            Assert.Contains(named, (string)error["message"]!, StringComparison.Ordinal);
            Assert.Equal("upstream_unreachable", (await fabric.Calls.Next()).ErrorClass);
        }
        Assert.Equal(0, asked);
        Assert.DoesNotContain("canary", fabric.Logs.Text, StringComparison.Ordinal);
    }

    private static WebApplication Server(string fault, Action asked)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            if (fault is "untrusted" or "expired")
            {
                endpoint.UseHttps(Certificate(fault == "expired" ? -10 : 10));
            }
        }));
        var app = builder.Build();
        app.Run(http =>
        {
            asked();
            return http.Response.WriteAsync("{}");
        });
        return app;
    }

    private static X509Certificate2 Certificate(int validForDays)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-20), now.AddDays(validForDays));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), password: null);
    }

    private static async Task HangUp(TcpListener listener)
    {
        while (true)
        {
            try
            {
                using var socket = await listener.AcceptSocketAsync();
            }
            catch (Exception over) when (over is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
