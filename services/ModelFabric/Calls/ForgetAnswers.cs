using AgentPlatform.Messaging;
using AgentPlatform.ModelFabric.Budgets;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>Deletes recorded answers once no caller can sensibly repeat their request.</summary>
public sealed partial class ForgetAnswers(EventModelCallLog calls, PostgresBudgetLedger ledger, IOptions<ModelFabricOptions> options, TimeProvider time, ILogger<ForgetAnswers> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                while (await calls.ForgetTexts(time.GetUtcNow(), stoppingToken) > 0 || await ledger.Forget(time.GetUtcNow() - options.Value.Budgets.CountersKept, stoppingToken) > 0)
                {
                }
                while (await calls.Forget(time.GetUtcNow() - options.Value.AnswersKept, stoppingToken) > 0)
                {
                }
            }
            catch (Exception away) when (Transient.Is(away))
            {
                NotForgotten(away.Message, Every);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(4211, LogLevel.Warning, "Old answers could not be deleted: {Cause}; next try in {Delay}")]
    private partial void NotForgotten(string cause, TimeSpan delay);
}
