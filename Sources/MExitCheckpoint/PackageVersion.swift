/// Version of this package, as `MAJOR.MINOR.PATCH`.
package enum PackageVersion {
    package static let number = "0.1.0"
}
