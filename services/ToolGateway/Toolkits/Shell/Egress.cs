using AgentPlatform.ToolGateway.Sandbox.Egress;

namespace AgentPlatform.ToolGateway.Toolkits.Shell;

/// <summary>What a command asked of the network, the first of it, for the record of its call.</summary>
internal sealed class Egress(int toldMax)
{
    private readonly Lock _gate = new();
    private readonly List<EgressAttempt> _told = [];
    private int _asked;

    /// <summary>Each attempt, and how many there were beyond those that are listed.</summary>
    public object Told
    {
        get
        {
            lock (_gate)
            {
                return new { Connections = _told.Select(attempt => new { attempt.Host, attempt.Port, attempt.Granted, attempt.Why }).ToArray(), More = _asked - _told.Count };
            }
        }
    }

    public void Hear(EgressAttempt attempt)
    {
        lock (_gate)
        {
            _asked++;
            if (_told.Count < toldMax)
            {
                _told.Add(attempt);
            }
        }
    }
}
