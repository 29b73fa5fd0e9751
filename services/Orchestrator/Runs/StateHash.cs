using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Contracts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>SHA-256 over a run's state without ids, names of workers and times: equal for the same plan with the same results, whatever the timing.</summary>
public static class StateHash
{
    public static string Of(Run.Known run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var text = new StringBuilder().Append(run.Plan.Name).Append('\n');
        foreach (var id in run.Graph.Ids)
        {
            var task = run.Tasks[id];
            text.Append(id).Append('\t').Append(task.State).Append('\t').Append(task.Attempt);
            foreach (var artifact in task.Artifacts.OrderBy(a => a.Path, StringComparer.Ordinal))
            {
                text.Append('\t').Append(artifact.Path).Append('=').Append(artifact.Sha256);
            }

            text.Append('\n');
        }

        text.Append("dispatched");
        foreach (var id in run.Dispatched)
        {
            text.Append('\t').Append(id);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
