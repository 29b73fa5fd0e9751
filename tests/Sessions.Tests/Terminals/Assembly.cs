using System.Runtime.Versioning;

// Terminals are Linux's; so are the processes these tests look at.
[assembly: SupportedOSPlatform("linux")]
