using AgentPlatform.Provisioning.Tests.Processes;

return args is ["parent", ..]
    ? await ParentToKill.Run(args[1..])
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
