import ArgumentParser

extension ExitCode {
    /// The command ran, but a check that was asked for did not hold.
    public static let checkFailed = ExitCode(2)
}

/// Runs the body of a command: an error is printed to stderr as `error: ...` and the command ends with 1.
///
/// ArgumentParser's own errors (a usage mistake found late, an explicit exit code) pass through unchanged.
public func reportingErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch {
        throw report(error)
    }
}

/// As ``reportingErrors(_:)``, for an asynchronous command.
public func reportingErrors<Result>(isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result) async throws -> Result {
    do {
        return try await body()
    } catch {
        throw report(error)
    }
}

private func report(_ error: any Error) -> any Error {
    if error is ExitCode || error is ValidationError || error is CleanExit { return error }
    StandardError.write("error: \(error)\n")
    return ExitCode.failure
}
