namespace AgentPlatform.Provisioning.Processes;

/// <summary>Starts a server on any free port: another process may take the port between choosing and binding it, and then the next one is tried.</summary>
internal static class StartTemporary
{
    private const int TriesMax = 5;

    /// <param name="make">A server that is not started, on a port nobody has now; it removes what it made when disposed.</param>
    /// <param name="start">Starts it.</param>
    /// <exception cref="PortInUseException">Every port was taken meanwhile.</exception>
    public static async Task<T> Server<T>(Func<T> make, Func<T, Task> start)
        where T : IAsyncDisposable
    {
        for (var tries = 1; ; tries++)
        {
            var server = make();
            try
            {
                await start(server);
                return server;
            }
            catch (PortInUseException) when (tries < TriesMax)
            {
                await server.DisposeAsync();
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }
}
