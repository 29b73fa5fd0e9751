using System.Text;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>Cuts a stream of text into lines of bounded length; a child that never ends its line cannot fill our memory.</summary>
internal static class LinePump
{
    public static async Task Run(TextReader from, bool isError, int lineLengthMax, Action<OutputLine> to)
    {
        var buffer = new char[4096];
        var line = new StringBuilder();
        int read;
        while ((read = await from.ReadAsync(buffer)) > 0)
        {
            foreach (var c in buffer.AsSpan(0, read))
            {
                if (c == '\n' || line.Length == lineLengthMax)
                {
                    Emit();
                }

                if (c is not ('\n' or '\r'))
                {
                    line.Append(c);
                }
            }
        }

        if (line.Length > 0)
        {
            Emit();
        }

        void Emit()
        {
            to(new OutputLine(line.ToString(), isError));
            line.Clear();
        }
    }
}
