using System.Runtime.Versioning;
using AgentPlatform.Platform.Tests.Stack;

[assembly: SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(PlatformStack))]

// One stack for all: a test that kills a service must not do so in the middle of another one.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
