namespace AgentPlatform.EventStore;

/// <summary>The stored name of an event type (<c>mt_events.type</c>); it outlives every rename of the class.</summary>
/// <param name="name">Kebab-case name and a version, for example <c>run-started.1</c>; at most 500 characters.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class StoredAsAttribute(string name) : Attribute
{
    /// <summary>The stored name.</summary>
    public string Name { get; } = name;
}
