using System.IO.Enumeration;
using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>One rule: which calls it is about, what it says, and why. Its own examples are checked when it is loaded.</summary>
/// <param name="Name">Named in every verdict.</param>
/// <param name="Tool">Tool name or pattern, such as <c>files.*</c>.</param>
/// <param name="Verdict">What it says.</param>
/// <param name="Because">The reason that people get to read.</param>
public sealed record PolicyRule(string Name, string Tool, Verdict Verdict, string Because)
{
    /// <summary>Role or pattern; every role when absent.</summary>
    public string Role { get; init; } = "*";

    /// <summary>Tool names that the rule must be about.</summary>
    public string[] Fits { get; init; } = [];

    /// <summary>Tool names that it must not be about.</summary>
    public string[] DoesNotFit { get; init; } = [];

    public bool IsAbout(string tool, string role) =>
        FileSystemName.MatchesSimpleExpression(Tool, tool, ignoreCase: false) && FileSystemName.MatchesSimpleExpression(Role, role, ignoreCase: false);

    /// <exception cref="InvalidOperationException">An example contradicts the rule.</exception>
    public void CheckExamples()
    {
        var wrong = Fits.Where(tool => !IsAbout(tool, Role)).Concat(DoesNotFit.Where(tool => IsAbout(tool, Role))).FirstOrDefault();
        if (wrong is not null || Because.Length == 0)
        {
            throw new InvalidOperationException(wrong is null ? $"The policy rule '{Name}' gives no reason" : $"The policy rule '{Name}' contradicts its own example '{wrong}'");
        }
    }
}
