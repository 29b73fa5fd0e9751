using System.Collections.Frozen;
using AgentPlatform.Contracts;
using static AgentPlatform.Contracts.TaskState;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>The task machine, one table: from each state, the states a task may move to. A fact that asks for any other move changes nothing.</summary>
public static class TaskMoves
{
    private static readonly FrozenDictionary<TaskState, TaskState[]> Table = new Dictionary<TaskState, TaskState[]>
    {
        [Pending] = [Ready, Skipped, Cancelled],
        [Ready] = [Assigned, Skipped, Cancelled],
        [Assigned] = [Running, WaitingApproval, Failed, Cancelled],
        [Running] = [WaitingApproval, WaitingInput, Verifying, Succeeded, Failed, Cancelled],
        [WaitingApproval] = [Assigned, Running, Failed, Cancelled],
        [WaitingInput] = [Running, Failed, Cancelled],
        [Verifying] = [Succeeded, Failed, Cancelled],
        [Failed] = [Retrying, DeadLettered, Cancelled],
        [Retrying] = [Running, WaitingApproval, Failed, Cancelled],
        [DeadLettered] = [Ready],
        [Succeeded] = [],
        [Skipped] = [Pending, Ready],
        [Cancelled] = [],
    }.ToFrozenDictionary();

    /// <summary>Whether the move stands in the table.</summary>
    public static bool IsLegal(TaskState from, TaskState to) => Table[from].Contains(to);

    /// <summary>Nothing will happen to the task by itself any more.</summary>
    public static bool IsEnd(TaskState state) => state is Succeeded or DeadLettered or Skipped or Cancelled;

    /// <summary>A worker has the task in hand.</summary>
    public static bool IsAtWork(TaskState state) => state is Assigned or Running or Verifying or Retrying;

    /// <summary>A human is asked; the worker is free meanwhile.</summary>
    public static bool IsWaiting(TaskState state) => state is WaitingApproval or WaitingInput;
}
