#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension AtomicFile {
    /// Removes the temporary files of processes that were killed while they wrote this file.
    ///
    /// Only a file named as ``write(to:_:)`` names them, by a process that is no more, is touched. For programs that own the file: where
    /// several machines share a directory, a process of another machine cannot be seen. Failures are passed over: what is left does no
    /// harm but take space.
    public static func removeLeftovers(of path: String) {
        let (directory, name) = split((try? destination(path).path) ?? path)
        for entry in entries(of: directory) {
            guard let (process, number) = writer(of: entry, name: name) else { continue }
            // Of this process's own id are files that another process left which had it, as those of containers have; one that this process
            // writes has a number that was given out. Signal 0 asks whether a process is there.
            let isLeft = process == getpid() ? number > lastNumber : kill(process, 0) != 0 && errno == ESRCH
            if isLeft { unlink("\(directory)/\(entry)") }
        }
    }

    /// The process that made a temporary file, and the file's number; nil for any other file.
    private static func writer(of entry: String, name: Substring) -> (pid_t, Int)? {
        let prefix = ".\(stem(name))."
        guard entry.hasPrefix(prefix), entry.hasSuffix(".tmp"), entry.utf8.count > prefix.utf8.count + 4 else { return nil }
        let numbers = entry.dropFirst(prefix.count).dropLast(4).split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 2, let number = Int(numbers[1]), let process = pid_t(numbers[0]), process > 0 else { return nil }
        return (process, number)
    }

    private static func entries(of directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
            })
        }
        return names
    }
}
