import ArgumentParser
import MExitCheckpoint
import MExitCommand
import MExitIR

@main
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-inspect",
        abstract: "Show what is in a .mexit file, or what an architecture costs.",
        discussion: """
            Prints, per stage: operations, the values carried to later stages, multiply-adds (MACs) of convolutions and linear \
            layers, FLOPs (2 x MACs, plus one per element of every other operation), parameters, bytes in the file. Then, up to \
            each exit: the costs when everything runs as late as possible (lazy, what the runtime does), in the order in which it \
            is written (eager, what papers count), and for that exit alone (single).

            Exit codes: 0 done, 1 the file cannot be read, 2 --verify found damage, 64 wrong usage.
            """,
        version: MExitVersion.text(tool: "mexit-inspect"))

    @Argument(help: "The checkpoint to show.", completion: .file(extensions: ["mexit"]))
    var file: String?

    @Option(help: "Show an architecture instead: a preset's name or a JSON file.")
    var arch: ArchitectureReference?

    @Option(help: "Number of classes, with --arch.")
    var classes: Int?

    @Option(help: "Shape of the input, with --arch (default: the architecture's usual one).")
    var input: ShapeArgument?

    @Option(help: "Plan for these exits only: indices from 0, such as 3 or 1,3,6.")
    var exits: ExitsArgument?

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print the network, node by node, as a JSON file for --arch of this command and of mexit-train; no weights.")
    var graph = false

    @Flag(help: "Read every byte: compare all checksums, decode all tensors.")
    var verify = false

    @Flag(help: "List every tensor.")
    var tensors = false

    func validate() throws {
        guard (file == nil) != (arch == nil) else { throw ValidationError("Give either a file or --arch.") }
        guard !graph || !(json || verify || tensors || exits != nil) else {
            throw ValidationError("--graph prints nothing but the network; leave --json, --verify, --tensors and --exits out.")
        }
        if arch == nil {
            guard classes == nil, input == nil else { throw ValidationError("--classes and --input belong to --arch; a file has its own.") }
        } else {
            guard classes != nil else { throw ValidationError("--arch needs --classes.") }
            guard !verify, !tensors else { throw ValidationError("--verify and --tensors need a file.") }
        }
    }

    func run() throws {
        try reportingErrors {
            if graph { return try StandardOutput.write(try architectureText(try network())) }
            let report = try report()
            try StandardOutput.write(json ? try jsonText(report) : report.text())
        }
    }

    private func network() throws -> Architecture {
        if let arch, let classes {
            let architecture = try arch.load()
            return Architecture(name: architecture.name, of: try architecture.graph(classes: classes, input: input?.shape))
        }
        let reader = try CheckpointReader(path: file ?? "")
        return Architecture(name: "custom", of: reader.description.graph)
    }

    private func report() throws -> InspectReport {
        if let arch, let classes {
            let architecture = try arch.load()
            return try InspectReport(
                graph: try architecture.graph(classes: classes, input: input?.shape), name: architecture.name, exits: exits?.indices)
        }
        let reader = try CheckpointReader(path: file ?? "")
        do {
            return try InspectReport(checkpoint: reader, exits: exits?.indices, listsTensors: tensors, verifies: verify)
        } catch let error as CheckpointError where verify {
            // The file was opened well: what fails here is the check that was asked for.
            StandardError.write("error: \(error)\n")
            throw ExitCode.checkFailed
        }
    }
}
