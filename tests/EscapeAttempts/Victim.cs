using System.Runtime.InteropServices;
using System.Text;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Another process of the tool's user, with a secret in its memory, in its environment and in an open file. It lives until its input ends.</summary>
internal static class Victim
{
    internal static int Run(Stage stage)
    {
        var memory = Marshal.StringToCoTaskMemUTF8(stage.Canary);
        var fd = Native.Open(stage.Secret, 0);
        Console.WriteLine($"{memory} {fd}");
        Console.In.ReadToEnd();
        return Encoding.UTF8.GetByteCount(stage.Canary) > 0 ? 0 : 1;
    }
}
