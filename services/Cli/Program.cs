using System.CommandLine;
using AgentPlatform.Cli;
using AgentPlatform.Cli.Commands;

var shared = new Shared();
var root = new RootCommand("agentctl: run plans, watch them, answer what agents ask, check the audit trail")
{
    RunCommands.Run(shared), RunCommands.Runs(shared), ToolCommands.Tools(shared), ModelCommands.Models(shared), ModelRouteCommands.Routes(shared), BudgetCommands.Budgets(shared), ModelPolicyCommands.Policies(shared), McpCommands.Mcp(shared), PolicyCommands.Policy(shared), GrantCommands.Grants(shared), RequestCommands.Requests(shared), DeadLetterCommands.DeadLetters(shared), AuditCommands.Audit(shared),
};
shared.AddTo(root);
var parsed = root.Parse(args);
var exitCode = await parsed.InvokeAsync();

// The library says 1 for a command line it could not read; here 1 means that a run failed.
return parsed.Errors.Count > 0 ? ExitCode.WrongUse : exitCode;
