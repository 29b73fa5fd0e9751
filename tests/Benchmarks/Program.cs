using AgentPlatform.Benchmarks;

return await AllBenchmarks.Run(args, Console.Out, Console.Error);
