using System.Runtime.Versioning;
using AgentPlatform.Testing;

// Terminals are Linux's; so are the processes these tests look at.
[assembly: SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(Servers))]
