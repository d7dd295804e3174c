import MExitCheckpoint

/// What `--version` prints.
public enum MExitVersion {
    /// Version of the package, as `MAJOR.MINOR.PATCH`.
    public static let number = "0.1.0"

    /// For `CommandConfiguration(version:)`: tool and version, then the newest `.mexit` format that it reads.
    public static func text(tool: String) -> String {
        "\(tool) \(number)\n.mexit format \(FormatVersion.current)"
    }

    /// What a file's provenance names as its producer.
    public static func producer(tool: String) -> String { "\(tool) \(number)" }
}
