import Foundation

/// Writes a text file whole or not at all.
///
/// - Throws: ``OutputError`` naming the file and what the system says.
public func writeFile(_ text: String, to path: String) throws {
    do {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw OutputError(message: "cannot write '\(path)': \((error as NSError).localizedDescription)")
    }
}
