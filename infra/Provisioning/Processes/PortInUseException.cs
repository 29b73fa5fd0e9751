namespace AgentPlatform.Provisioning.Processes;

/// <summary>A loopback port is taken by somebody else.</summary>
public sealed class PortInUseException : Exception
{
    /// <summary>Names the port and who wanted it.</summary>
    public PortInUseException(int port, string wantedBy)
        : base($"Port {port} on 127.0.0.1, wanted by {wantedBy}, is in use. Choose another port, or find its owner with: ss -ltnp 'sport = :{port}'")
    {
        Port = port;
        WantedBy = wantedBy;
    }

    /// <summary>With a message only.</summary>
    public PortInUseException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    public PortInUseException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>Without a message; prefer the others.</summary>
    public PortInUseException()
    {
    }

    /// <summary>The port.</summary>
    public int Port { get; }

    /// <summary>The resource that wanted it.</summary>
    public string WantedBy { get; } = "";
}
