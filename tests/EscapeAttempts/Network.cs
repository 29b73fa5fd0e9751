using System.Buffers.Binary;
using System.Text;
using static AgentPlatform.EscapeAttempts.Native;

namespace AgentPlatform.EscapeAttempts;

/// <summary>Out by sockets.</summary>
internal static unsafe class Network
{
    private const int Unix = 1, Inet = 2, Inet6 = 10, Key = 15, Netlink = 16, Packet = 17, Alg = 38, Vsock = 40, Xdp = 44;
    private const int Stream = 1, Datagram = 2, Raw = 3, SequencedPacket = 5;
    private const int Multipath = 262, FastOpen = 0x20000000;

    internal static readonly Attempt[] All =
    [
        New("connect-by-tcp", s => Connect(Socket(Inet, Stream), Ip(s.TcpPort))),
        New("connect-by-tcp-to-a-mapped-address", s => Connect(Socket(Inet6, Stream), Ip6(s.TcpPort))),
        New("listen-on-tcp", _ => { var fd = Socket(Inet, Stream); Bind(fd, Ip(0)); Sys("listen", (nint)fd, 1); }),
        New("listen-on-tcp-without-bind", _ => Sys("listen", (nint)Socket(Inet, Stream), 1)),
        New("connect-by-multipath-tcp", s => Connect(Socket(Inet, Stream, Multipath), Ip(s.TcpPort)), where: "kernels without multipath TCP"),
        New("send-with-the-opening-packet", s => FastOpenTo(s)),
        New("send-a-datagram", s => Send(Socket(Inet, Datagram), Ip(s.UdpPort))),
        New("bind-a-datagram-socket", _ => Bind(Socket(Inet, Datagram), Ip(0))),
        New("connect-to-a-local-socket", s => Connect(Socket(Unix, Stream), Local(s.UnixStream))),
        New("send-to-a-local-datagram-socket", s => Send(Socket(Unix, Datagram), Local(s.UnixDatagram))),
        New("send-to-a-local-socket-from-a-pair", s => Send(Pair(Datagram), Local(s.UnixDatagram))),
        New("turn-a-pair-towards-a-local-socket", s => Connect(Pair(Datagram), Local(s.UnixDatagram))),
        New("connect-to-a-local-packet-socket", s => Connect(Socket(Unix, SequencedPacket), Local(s.UnixStream + ".packets"))),
        New("connect-to-an-abstract-socket", s => Connect(Socket(Unix, Stream), Local("\0" + s.AbstractName))),
        New("offer-an-abstract-socket", s => Bind(Socket(Unix, Stream), Local($"\0escape-{Environment.ProcessId}"))),
        New("speak-to-the-kernel-by-netlink", _ => Socket(Netlink, Raw)),
        New("listen-to-device-events", _ => Socket(Netlink, Raw, 15)),
        New("use-the-kernels-ciphers", _ => Socket(Alg, SequencedPacket), where: "kernels without AF_ALG"),
        New("speak-to-the-host-by-vsock", _ => Socket(Vsock, Stream), where: "machines without vsock"),
        New("open-a-raw-socket", _ => Socket(Inet, Raw, 1), Unconfined.AsRoot),
        New("open-a-packet-socket", _ => Socket(Packet, Raw), Unconfined.AsRoot, "kernels without packet sockets"),
        New("open-an-express-data-path-socket", _ => Socket(Xdp, Raw), Unconfined.AsRoot, "kernels without AF_XDP"),
        New("open-a-key-socket", _ => Socket(Key, Raw, 2), Unconfined.AsRoot, "kernels without IPsec"),

        Granted("connect-to-another-port-than-the-granted-one", s => Connect(Socket(Inet, Stream), Ip(s.TcpPort))),
        Granted("connect-to-another-port-over-ip-6", s => Connect(Socket(Inet6, Stream), Ip6(s.TcpPort))),
        Granted("send-with-the-opening-packet-to-another-port", s => FastOpenTo(s)),
        Granted("connect-by-multipath-tcp-to-another-port", s => Connect(Socket(Inet, Stream, Multipath), Ip(s.TcpPort)), "kernels without multipath TCP"),
        Granted("listen-where-only-a-port-is-granted", _ => { var fd = Socket(Inet, Stream); Bind(fd, Ip(0)); Sys("listen", (nint)fd, 1); }),
        Granted("send-a-datagram-where-only-a-port-is-granted", s => Send(Socket(Inet, Datagram), Ip(s.UdpPort))),
        Granted("connect-to-a-local-socket-where-only-a-port-is-granted", s => Connect(Socket(Unix, Stream), Local(s.UnixStream))),
    ];

    private static Attempt New(string name, Action<Stage> attempt, Unconfined by = Unconfined.AsTool, string? where = null) => new(name, by, attempt, Where: where);

    private static Attempt Granted(string name, Action<Stage> attempt, string? where = null) => new(name, Unconfined.AsTool, attempt, Plan: Plan.OtherPortGranted, Where: where);

    private static long Socket(int family, int type, int protocol = 0) => Sys("socket", family, type, protocol);

    private static long Pair(int type)
    {
        var ends = stackalloc int[2];
        Sys("socketpair", Unix, type, 0, (nint)ends);
        return ends[0];
    }

    private static void Connect(long fd, byte[] address)
    {
        fixed (byte* start = address) Sys("connect", (nint)fd, (nint)start, address.Length);
        Close(fd);
    }

    private static void Bind(long fd, byte[] address)
    {
        fixed (byte* start = address) Sys("bind", (nint)fd, (nint)start, address.Length);
    }

    private static void Send(long fd, byte[] address)
    {
        byte one = 1;
        fixed (byte* start = address) Sys("sendto", (nint)fd, (nint)(&one), 1, 0, (nint)start, address.Length);
        Close(fd);
    }

    private static void FastOpenTo(Stage stage)
    {
        byte one = 1;
        var fd = Socket(Inet, Stream);
        var address = Ip(stage.TcpPort);
        fixed (byte* start = address) Sys("sendto", (nint)fd, (nint)(&one), 1, FastOpen, (nint)start, address.Length);
        Close(fd);
    }

    private static byte[] Ip(int port)
    {
        var address = new byte[16];
        BitConverter.TryWriteBytes(address, (ushort)Inet);
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2), (ushort)port);
        address[4] = 127;
        address[7] = 1;
        return address;
    }

    // ::ffff:127.0.0.1, which a listener of either kind hears.
    private static byte[] Ip6(int port)
    {
        var address = new byte[28];
        BitConverter.TryWriteBytes(address, (ushort)Inet6);
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2), (ushort)port);
        address[18] = address[19] = 0xFF;
        address[20] = 127;
        address[23] = 1;
        return address;
    }

    private static byte[] Local(string path)
    {
        var address = new byte[2 + Encoding.UTF8.GetByteCount(path) + (path[0] == '\0' ? 0 : 1)];
        BitConverter.TryWriteBytes(address, (ushort)Unix);
        Encoding.UTF8.GetBytes(path, address.AsSpan(2));
        return address;
    }
}
