#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

package enum ResidentMemory {
    /// Memory of a process that is in the machine's, in KiB; nil where the system does not tell (it does on Linux).
    ///
    /// - Parameter process: its number, or "self".
    package static func kibibytes(of process: String = "self") -> Int? {
        guard let file = fopen("/proc/\(process)/status", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("VmRSS:") { return Int(text.filter(\.isNumber)) }
        }
        return nil
    }
}
