namespace AgentPlatform.Testing;

/// <summary>Waits for what must come to be, with one deadline; never a fixed pause.</summary>
public static class Eventually
{
    public static async Task<T> Get<T>(Func<Task<T>> look, Func<T, bool> holds, string what, TimeSpan? within = null, TimeSpan? pace = null)
    {
        using var deadline = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(pace ?? TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var seen = await look();
            if (holds(seen))
            {
                return seen;
            }

            try
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException e)
            {
                throw new TimeoutException($"It never came to be: {what}. Last seen: {seen}", e);
            }
        }
    }

    public static Task True(Func<Task<bool>> holds, string what, TimeSpan? within = null) => Get(holds, static yes => yes, what, within);
}
