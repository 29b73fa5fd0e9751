using AgentPlatform.Contracts;

namespace AgentPlatform.Messaging.Tests.Handling;

public sealed class CatalogueTests
{
    [Fact]
    public void A_command_that_its_owner_does_not_handle_stops_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Catalogue.Check(new Bus(ServiceNames.Sessions), [typeof(CountUp)], []));

        Assert.Equal("CountUp is a command to sessions and nothing handles it: register a handler with On or Do, or remove the contract", refused.Message);
    }

    [Fact]
    public void A_command_of_another_service_is_that_services_affair() =>
        Assert.Empty(Catalogue.Check(new Bus(ServiceNames.Audit), [typeof(CountUp), typeof(Counted)], []));

    [Fact]
    public void An_event_that_nobody_can_hear_is_odd_and_no_reason_to_stop() =>
        Assert.Equal(
            ["Counted is an event that only sessions knows, and sessions does not handle it: nobody will hear it"],
            Catalogue.Check(new Bus(ServiceNames.Sessions), [], [typeof(Counted)]));

    [Fact]
    public void Two_contracts_of_one_name_stop_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Catalogue.Check(new Bus(ServiceNames.Audit), [typeof(CountUp)], [typeof(CountUpAgain)]));

        Assert.EndsWith("share the wire name agentplatform.sessions.count-up.1: a name stands for one contract", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(typeof(WithDelegate), "WithDelegate.callback[]", "Func`1")]
    [InlineData(typeof(WithInterface), "WithInterface.inner.shape", "IShape")]
    [InlineData(typeof(WithoutConstructor), "WithoutConstructor.broken", "Broken")]
    [InlineData(typeof(WithMismatch), "WithMismatch.other", "Mismatch")]
    public void A_contract_that_cannot_travel_stops_the_start_and_names_the_place(Type contract, string path, string type)
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Catalogue.Check(new Bus(ServiceNames.Audit), [contract], []));

        Assert.StartsWith($"{contract.Name} cannot travel as JSON: {path} is {type}, and ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_contract_there_is_can_travel()
    {
        var messages = typeof(IMessage).Assembly.GetExportedTypes().Where(t => t is { IsClass: true } && t.IsAssignableTo(typeof(IMessage))).ToList();

        Assert.True(messages.Count > 5);
        Assert.Empty(Catalogue.Check(new Bus("nobody"), messages, []));
    }

    [Fact]
    public void A_retry_policy_that_cannot_be_stops_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() =>
            new Bus(ServiceNames.Sessions).Do<CountUp>((_, _, _) => Task.CompletedTask, new HandlerOptions { Retry = new RetryPolicy { AttemptsMax = 0 } }));
        var stranger = Assert.Throws<InvalidOperationException>(() =>
            new Bus(ServiceNames.Sessions).Do<CountUp>((_, _, _) => Task.CompletedTask, new HandlerOptions { Retry = new RetryPolicy { Never = [typeof(string)] } }));

        Assert.StartsWith("The retry policy of CountUp needs AttemptsMax of at least 1", refused.Message, StringComparison.Ordinal);
        Assert.Equal("The retry policy of CountUp names String, which is no exception", stranger.Message);
    }

    [Command(ServiceNames.Sessions, "count-up")]
    private sealed record CountUpAgain : ICommand;

    [Command(ServiceNames.Sessions, "with-delegate")]
    private sealed record WithDelegate(Func<int>[] Callback) : ICommand;

    [Command(ServiceNames.Sessions, "with-interface")]
    private sealed record WithInterface(Inner Inner) : ICommand;

    [Command(ServiceNames.Sessions, "without-constructor")]
    private sealed record WithoutConstructor(Broken Broken) : ICommand;

    [Command(ServiceNames.Sessions, "with-mismatch")]
    private sealed record WithMismatch(Mismatch? Other) : ICommand;

    private sealed record Inner(IShape Shape);

    private interface IShape
    {
        int Sides { get; }
    }

    private sealed class Broken
    {
        private Broken(int one) => One = one;

        public int One { get; }

        public static Broken Make() => new(1);
    }

    private sealed class Mismatch(int something)
    {
        public string Other { get; } = something.ToString();
    }
}
