namespace AgentPlatform.Messaging;

/// <summary>What a consumer is at.</summary>
/// <param name="Waiting">Messages before it.</param>
/// <param name="Unacknowledged">Messages delivered and not acknowledged.</param>
/// <param name="Pulls">Requests for messages that wait at the server.</param>
/// <param name="Delivered">Deliveries since it was made.</param>
/// <param name="HasRoom">Whether it may deliver more before something is acknowledged.</param>
public sealed record ConsumerState(long Waiting, long Unacknowledged, long Pulls, long Delivered, bool HasRoom);
