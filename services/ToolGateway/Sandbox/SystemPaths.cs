namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>
/// What every tool may read. A list of what is needed rather than "all of /etc except secrets": Landlock cannot say "except", and a file added to
/// /etc tomorrow must not be readable by default. Home folders, data folders, /tmp, /run and other processes in /proc are absent on purpose.
/// </summary>
internal static class SystemPaths
{
    internal static readonly string[] Readable =
    [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
        "/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/debian_version", "/etc/fonts", "/etc/gai.conf", "/etc/group",
        "/etc/host.conf", "/etc/hostname", "/etc/hosts", "/etc/inputrc", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/locale.alias",
        "/etc/localtime", "/etc/magic", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/pki/tls/certs", "/etc/protocols",
        "/etc/resolv.conf", "/etc/services", "/etc/shells", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/terminfo", "/etc/timezone", "/etc/xdg",
        "/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/version",
        "/proc/sys/fs/nr_open", "/proc/sys/kernel/ngroups_max", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/random",
        "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage",
    ];

    /// <summary>Devices that hold nothing: readable and writable for every tool. No terminal among them.</summary>
    internal static readonly string[] Devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
}
