using System.Runtime.Versioning;
using AgentPlatform.Testing;

// File modes are part of what is tested.
[assembly: UnsupportedOSPlatform("windows")]
[assembly: AssemblyFixture(typeof(Servers))]
