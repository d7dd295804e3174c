import ArgumentParser
import MExitBenchmark
import MExitCommand

@main
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-bench",
        abstract: "Measure how fast a network runs: to each exit, per stage, per kernel, with the share of the FMA peak.",
        discussion: """
            Before anything is timed, the logits of every batch are compared, bit for bit, with those of each sample alone. GFLOP/s \
            count two operations per multiply-add (MAC) of convolutions and linear layers; the peak is that of loops of fused \
            multiply-adds in registers, measured here on as many threads. Times are medians over the samples. Measure on an idle \
            machine; docs/benchmarks.md says what the figures mean.

            --kernels, --train, --load and --deadlines measure those instead of the network; give --runs too for all.

            --turns lets another program measure in turns with something else. A line of JSON says what was compiled; then each line of \
            input, "run COUNT STAGES" or "logits STAGES", is answered by one: the times of COUNT runs from inputs in memory to logits \
            in memory, or the logits of the first STAGES exits. The end of input ends it.

            Exit codes: 0 done, 1 failed (wrong results too), 2 --assert found a convolution whose kernel is badly chosen, 64 wrong \
            usage.
            """,
        version: MExitVersion.text(tool: "mexit-bench"))

    @Argument(help: "The checkpoint to measure.", completion: .file(extensions: ["mexit"]))
    var file: String?

    @Option(help: ArgumentHelp("Measure an architecture with random weights instead: a preset or a JSON file.", valueName: "name|file.json"))
    var arch: ArchitectureReference?

    @Option(help: "Number of classes, with --arch.")
    var classes: Int?

    @Option(help: "Shape of the input, with --arch (default: the architecture's usual one).")
    var input: ShapeArgument?

    @Option(help: "Compile these exits only: indices from 0, such as 3 or 1,3,6.")
    var exits: ExitsArgument?

    @Option(help: ArgumentHelp("Batch sizes, such as 1,64 (default: 1; with --train 64).", valueName: "list"))
    var batch: CountsArgument?

    @Option(help: ArgumentHelp("Numbers of threads, such as 1,2.", valueName: "list"))
    var threads = CountsArgument([1])

    @Option(help: "Samples of each time.")
    var repetitions: Int = 20

    @Option(help: "Runs before them that are not counted.")
    var warmup: Int = 3

    @Option(help: ArgumentHelp("End a series of samples after this time, but not before it has three.", valueName: "seconds"))
    var maxSeconds: Double = 10

    @Flag(help: "Measure the network; the default unless --kernels or --train is given.")
    var runs = false

    @Flag(help: "List every kernel call of the network.")
    var steps = false

    @Flag(help: "Time every kernel that supports them on each of the network's convolutions (one thread, batches up to 8), and mark the one chosen.")
    var kernels = false

    @Flag(name: .customLong("assert"), help: "With --kernels: end with 2 when a chosen kernel is too slow.")
    var asserts = false

    @Option(help: ArgumentHelp("How much slower than the fastest a chosen kernel may be, with --assert.", valueName: "share"))
    var tolerance: Double = 0.1

    @Flag(help: "Time training steps, joint and deconflicted, on random images (all exits).")
    var train = false

    @Flag(help: "With --train: the other ways to combine gradients as well, in the same turns.")
    var rivals = false

    @Flag(help: "Run when a line of input says so, with the first of the batch sizes and numbers of threads.")
    var turns = false

    @Option(help: ArgumentHelp("Inputs of --turns: little-endian float32, [batch, C, H, W] (default: random).", valueName: "file"))
    var inputs: String?

    @Option(help: ArgumentHelp("Write the network as a checkpoint, with the weights that are measured.", valueName: "file.mexit"))
    var writeModel: String?

    @Flag(help: "Time from opening the file to the answer of each exit, while later stages still load.")
    var load = false

    @Option(help: ArgumentHelp("Give this many answers under each of several deadlines, on the machine as it is, beside busy threads, beside them but yielding before each answer, and as a real-time thread beside them (where permitted); say how many were in time and how deep they went.", valueName: "answers"))
    var deadlines: Int = 0

    @Flag(help: "Print JSON, with all samples.")
    var json = false

    func validate() throws {
        guard (file == nil) != (arch == nil) else { throw ValidationError("Give either a file or --arch.") }
        if arch == nil {
            guard classes == nil, input == nil else { throw ValidationError("--classes and --input belong to --arch; a file has its own.") }
        } else {
            guard classes != nil else { throw ValidationError("--arch needs --classes.") }
        }
        guard turns || inputs == nil else { throw ValidationError("--inputs are those of --turns.") }
        guard !turns || !(kernels || train || runs || steps || load || deadlines > 0) else { throw ValidationError("--turns measures nothing else.") }
        guard train || !rivals else { throw ValidationError("--rivals belongs to --train.") }
        guard kernels || !asserts else { throw ValidationError("--assert needs --kernels.") }
        guard tolerance >= 0, tolerance.isFinite else { throw ValidationError("--tolerance is \(tolerance); give 0 or more.") }
        guard !steps || measuresRuns else { throw ValidationError("--steps lists what --runs measures; give --runs too.") }
        do { _ = try plan() } catch { throw ValidationError("\(error)") }
    }

    private var measuresRuns: Bool { runs || !(kernels || train || load || deadlines > 0) }

    private func plan() throws -> BenchmarkPlan {
        try BenchmarkPlan(
            exits: exits?.indices, batches: batch?.counts ?? [train && !measuresRuns ? 64 : 1], threads: threads.counts,
            measuresRuns: measuresRuns, comparesKernels: kernels, measuresTraining: train, measuresRivals: rivals, measuresLoading: load,
            deadlineAnswers: deadlines,
            settings: BenchmarkSettings(repetitions: repetitions, warmups: warmup, maximumSeconds: maxSeconds))
    }

    func run() throws {
        try reportingErrors {
            let subject = try subject()
            if let writeModel { try subject.write(to: writeModel) }
            if turns { return try takeTurns(subject) }
            let report = try plan().run(subject) { StandardError.write("\($0)\n") }
            try StandardOutput.write(json ? try jsonText(report) : report.text(listsSteps: steps))
            let lagging = asserts ? report.laggingPicks(tolerance: tolerance) : []
            for comparison in lagging {
                let names = [comparison.kernels.first { $0.isPick }, comparison.kernels.first].map { $0?.kernel ?? "none" }
                StandardError.write(
                    "error: \(comparison.convolution), batch \(comparison.batch): \(names[0]) is chosen, \(names[1]) is \(SINumber.fixed(comparison.slowdown, digits: 2)) times as fast\n")
            }
            if !lagging.isEmpty { throw ExitCode.checkFailed }
        }
    }

    private func takeTurns(_ subject: BenchmarkSubject) throws {
        let runner = try TurnRunner(
            subject, exits: exits?.indices, batch: batch?.counts.first ?? 1, threads: threads.counts.first ?? 1,
            inputs: try inputs.map(FloatFile.read))
        try StandardOutput.write(try jsonText(runner.ready, pretty: false))
        while let line = readLine() { try StandardOutput.write(try runner.answer(line)) }
    }

    private func subject() throws -> BenchmarkSubject {
        guard let arch, let classes else { return try BenchmarkSubject(path: file ?? "") }
        return try BenchmarkSubject(try arch.load(), classes: classes, input: input?.shape)
    }
}

/// Counts on the command line: `1`, or `1,8,64`.
struct CountsArgument: ExpressibleByArgument {
    let counts: [Int]

    init(_ counts: [Int]) { self.counts = counts }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        counts = parts.compactMap { $0 }
        guard counts.count == parts.count else { return nil }
    }

    var defaultValueDescription: String { counts.map(String.init).joined(separator: ",") }
}
