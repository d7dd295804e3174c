import CMExitKernels
import MExitCheckpoint

/// What `--version` prints.
public enum MExitVersion {
    /// Version of the package, as `MAJOR.MINOR.PATCH`.
    public static let number = PackageVersion.number

    /// For `CommandConfiguration(version:)`: tool and version, the newest `.mexit` format that it
    /// reads, and the instruction set that its kernels use on this machine.
    public static func text(tool: String) -> String {
        "\(tool) \(number)\n.mexit format \(FormatVersion.current)\nkernels \(String(cString: mexit_isa_name(mexit_cpu_best())))"
    }

    /// What a file's provenance names as its producer.
    public static func producer(tool: String) -> String { "\(tool) \(number)" }
}
