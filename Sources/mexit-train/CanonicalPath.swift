#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One spelling for all paths of one file, which need not be there yet: links of its folder, and of itself, are followed.
func canonicalPath(_ path: String) -> String {
    func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
    if let whole = real(path) { return whole }
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    return real(folder).map { $0 == "/" ? "/\(name)" : "\($0)/\(name)" } ?? path
}
