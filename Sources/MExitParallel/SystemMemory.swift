#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How much memory a program may ask for.
package enum SystemMemory {
    /// Bytes that can be had without others being put out: on Linux what the kernel calls available and the free swap, no more than
    /// what is left of the control group's (a container's) limit; elsewhere all there is.
    ///
    /// An estimate: asking for more ends in an abort or in the kernel's choice of whom to kill, so that refusing is the better end.
    package static var available: Int {
        let all = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let physical = all > 0 ? all : Int.max
        let free = available(meminfo: text(of: "/proc/meminfo")) ?? physical
        let group = left(limit: text(of: "/sys/fs/cgroup/memory.max"), stat: text(of: "/sys/fs/cgroup/memory.stat"))
            ?? left(limit: text(of: "/sys/fs/cgroup/memory/memory.limit_in_bytes"), stat: text(of: "/sys/fs/cgroup/memory/memory.stat"))
        return min(free, group ?? Int.max)
    }

    /// A control group's limit less what its programs hold (files that are cached give way), of version 2 or 1; nil without a limit.
    static func left(limit: String, stat: String) -> Int? {
        guard let limit = Int(limit.filter { $0 != "\n" }) else { return nil }
        for name in ["anon ", "total_rss "] {
            for line in stat.split(separator: "\n") where line.hasPrefix(name) {
                return max(0, limit - (Int(line.dropFirst(name.count)) ?? 0))
            }
        }
        return limit
    }

    /// From the lines `MemAvailable:  123 kB` and `SwapFree:  123 kB`; nil when the first is missing.
    static func available(meminfo: String) -> Int? {
        func bytes(_ name: String) -> Int? {
            for line in meminfo.split(separator: "\n") where line.hasPrefix(name + ":") {
                return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
            }
            return nil
        }
        return bytes("MemAvailable").map { $0 + (bytes("SwapFree") ?? 0) }
    }

    /// The first 16 KiB of a file; empty when it cannot be read.
    private static func text(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 14)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
