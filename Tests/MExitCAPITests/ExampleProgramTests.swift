import Foundation
import MExitCheckpoint
import MExitRuntime
import Testing
import _MExitTestSupport

/// The programs of docs/examples, built and run as a user would.
@Suite struct ExampleProgramTests {
    private let folder: URL
    private let picture: URL
    private let pixels: [UInt8]

    /// A picture of random planes, as a PPM file.
    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-capi-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        picture = folder.appendingPathComponent("picture.ppm")
        var generator = SeededGenerator(seed: 5)
        let planes = (0..<3 * 1024).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let mixed = (0..<1024).flatMap { pixel in (0..<3).map { planes[$0 * 1024 + pixel] } }
        pixels = planes
        try (Data("P6\n32 32\n255\n".utf8) + Data(mixed)).write(to: picture)
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let shipped = root.appendingPathComponent("models/cifar10-msdnet-tiny.mexit")

    private struct Failure: Error, CustomStringConvertible { let description: String }

    /// Where the products of this build lie: beside the binary that runs the tests.
    private func products() throws -> URL {
        var folders = [URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
        if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            folders.append(URL(fileURLWithPath: executable).deletingLastPathComponent())
        }
        folders += Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
        for folder in folders where FileManager.default.fileExists(atPath: folder.appendingPathComponent(libraryName).path) { return folder }
        throw Failure(description: "\(libraryName) is in none of \(folders.map(\.path)); build it in the same configuration as the tests")
    }

    private var libraryName: String {
        #if os(macOS)
            "libmexit.dylib"
        #else
            "libmexit.so"
        #endif
    }

    /// Runs a program of the search path to its end.
    @discardableResult
    private func run(_ words: [String], environment: [String: String] = [:], expecting status: Int32 = 0) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = folder.appendingPathComponent("output-\(UUID().uuidString)")
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOf: output, encoding: .utf8)
        guard process.terminationStatus == status else {
            throw Failure(description: "\(words.joined(separator: " ")) ended with \(process.terminationStatus): \(text)")
        }
        return text.split(separator: "\n").map(String.init)
    }

    /// The C program, built against the library of this build, says what the Swift interface says.
    @Test func theCProgramRuns() throws {
        let products = try products()
        let program = folder.appendingPathComponent("classify").path
        try run([
            "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic",
            "-I", Self.root.appendingPathComponent("Sources/CMExitAPI/include").path,
            Self.root.appendingPathComponent("docs/examples/c/classify.c").path,
            "-L", products.path, "-lmexit", "-Wl,-rpath,\(products.path)", "-o", program,
        ])
        let lines = try run([program, Self.shipped.path, picture.path, "confidence:0.8"])

        let model = try CompiledModel(try Checkpoint.read(path: Self.shipped.path))
        // As many slots as the program's: a batch is spent on in windows of that size.
        let context = try InferenceContext(model, slots: 4)
        func line(_ what: String, _ answer: Answer) -> String {
            "\(what): \(model.className(answer.label)) \(String(format: "%.17g", answer.confidence)) exit \(answer.exit) macs \(answer.macs) saved \(answer.macsSaved)"
        }
        let all = Array(try context.anytime(.pixels(pixels)))
        #expect(lines.contains(line("policy", try context.classify(.pixels(pixels), policy: .confidence(0.8, for: model)))))
        #expect(lines.filter { $0.hasPrefix("anytime") } == all.map { line("anytime", $0) })
        #expect(lines.contains { $0.hasPrefix("own policy: ") } && lines.contains { $0.hasPrefix("deadline: ") })
        let budget = 9 * model.stageCosts[0].macs
        let batch = try context.classify(batch: Array(repeating: .pixels(pixels), count: 6), budget: .macs(budget))
        #expect(lines.contains("batch: \(batch.macs) of \(budget) MACs"))
        #expect(try #require(lines.last).hasPrefix("totals: 26 samples, "))

        let errors = try run([program, picture.path, picture.path], expecting: 1)
        #expect(errors.first?.contains("cannot load '\(picture.path)'") == true)
        let refused = try run([program, Self.shipped.path, picture.path, "confidence:0.1,0.2"], expecting: 1)
        #expect(refused.last?.contains("2 thresholds for 5 exits") == true)
    }

    /// Python through ctypes gets the same bits.
    @Test func thePythonProgramRuns() throws {
        let library = try products().appendingPathComponent(libraryName).path
        let script = Self.root.appendingPathComponent("docs/examples/python/classify.py").path
        let lines = try run(["python3", script, Self.shipped.path, picture.path, "exit:2"], environment: ["MEXIT_LIBRARY": library])
        let model = try CompiledModel(try Checkpoint.read(path: Self.shipped.path))
        let all = Array(try InferenceContext(model).anytime(.pixels(pixels)))
        try #require(lines.count == 1 + all.count)
        for (line, answer) in zip(lines, [all[2]] + all) {
            let fields = line.split(separator: " ").map(String.init)
            #expect(fields[1] == model.className(answer.label) && fields[4] == String(answer.exit))
            #expect(Double(fields[2]) == answer.confidence)
            #expect(fields[8...].map { Double($0) } == answer.logits.map { Double($0) })
        }
    }

    /// A C compiler accepts the header as C++, too.
    @Test func theHeaderIsCAndCPlusPlus() throws {
        let header = Self.root.appendingPathComponent("Sources/CMExitAPI/include/mexit.h").path
        try run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c", header])
        try run(["cc", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++", header])
    }
}
