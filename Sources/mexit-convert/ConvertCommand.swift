import ArgumentParser
import MExitCheckpoint
import MExitCommand
import MExitIR

extension TensorStorage: ExpressibleByArgument {}

@main
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-convert",
        abstract: "Writes a model again, with its weights in another precision.",
        discussion: """
            The weights of convolutions and linear layers are rounded to f16, bf16, or int8 with one scale per output channel; biases and \
            batch norms stay f32, and so does the memory that the model takes when it runs. The graph, class names and policies stay \
            as they are. Measure the accuracy of the result with mexit-eval: policies were calibrated on the model before.

            Exit codes: 0 done, 1 failed, 64 wrong usage.
            """,
        version: MExitVersion.text(tool: "mexit-convert"))

    @Argument(help: "The model to read.", completion: .file(extensions: ["mexit"]))
    var model: String

    @Option(help: ArgumentHelp("The file to write; may be the one that was read.", valueName: "file"), completion: .file(extensions: ["mexit"]))
    var out: String

    @Option(help: "Precision of the weights in the file: f32, f16, bf16 or int8.")
    var store: TensorStorage

    func run() throws {
        try reportingErrors {
            let before = try CheckpointReader(path: model)
            try Checkpoint.write(try before.readModel(), to: out, storage: store)
            let after = try ContainerReader(path: out)
            try StandardOutput.write(
                "\(out): \(after.fileBytes) bytes, \(SINumber.fixed(100 * Double(after.fileBytes) / Double(max(1, before.container.fileBytes)), digits: 1)) % of \(model)\n")
        }
    }
}
