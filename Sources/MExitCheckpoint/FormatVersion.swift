/// Version of the container format. A newer minor version adds what older readers may ignore; a newer major version
/// cannot be read.
public struct FormatVersion: Hashable, Sendable, CustomStringConvertible {
    public var major: UInt16
    public var minor: UInt16

    public init(major: UInt16, minor: UInt16) {
        self.major = major
        self.minor = minor
    }

    /// The newest that this build reads in full.
    public static let current = FormatVersion(major: 1, minor: 1)

    /// What is written where it says all there is to say, so that older readers can read it. 1.1 added storage other than f32.
    static let first = FormatVersion(major: 1, minor: 0)

    public var description: String { "\(major).\(minor)" }
}
