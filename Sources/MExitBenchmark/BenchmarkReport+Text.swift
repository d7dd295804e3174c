import MExitCommand

extension BenchmarkReport {
    /// Tables for people. Times are medians unless a column says otherwise; GFLOP/s count 2 x MACs; shares are of the FMA peak
    /// on as many threads.
    ///
    /// - Parameter listsSteps: also every kernel call of every run.
    public func text(listsSteps: Bool = false) -> String {
        var parts = [header()]
        for run in runs ?? [] {
            parts.append(runTitle(run) + exitTable(run))
            parts.append(kernelTable(run))
            if listsSteps { parts.append(stepTable(run)) }
        }
        if let kernels { parts.append(comparisonTable(kernels)) }
        if let training { parts.append(trainingTable(training)) }
        if let loading { parts.append(loadingTable(loading)) }
        if let deadlines { parts.append(deadlineTable(deadlines)) }
        return parts.joined(separator: "\n")
    }

    private func header() -> String {
        let inLast = network.exits.count == 1 ? "1 exit" : "\(network.exits.count) exits"
        let memory = Double(network.slotFloats) / Double(max(network.leastSlotFloats, 1))
        let peaks = peaks.map { "\($0.isa) \($0.threads > 1 ? "x \($0.threads) threads " : "")\(fixed($0.gflops, 1))" }
        return """
            \(network.name)\(network.isTrained ? "" : " (random weights)"): \(inLast), \(SINumber.format(network.macs)) MACs, \
            \(SINumber.format(network.parameters)) parameters, \(network.operations) operations
            opened in \(milliseconds(network.open.median)) ms, compiled in \(milliseconds(network.compile.median)) ms; a sample takes \
            \(SINumber.format(4 * network.slotFloats))B, \(fixed(memory, 2)) times the least
            \(machine.cpu), \(machine.processors) processors, kernels \(machine.isa), load \(fixed(machine.loadAverage, 1))
            FMA peak, GFLOP/s: \(peaks.joined(separator: ", "))

            """
    }

    private func runTitle(_ run: NetworkResult) -> String {
        let allocations = run.allocations.map { ", \($0) allocations a run" } ?? ""
        return """
            batch \(run.batch), \(run.threads) \(run.threads == 1 ? "thread" : "threads"): \
            \(run.exits.first?.time.seconds.count ?? 0) samples\(allocations), loading \(microseconds(run.load.median)) us

            """
    }

    private func exitTable(_ run: NetworkResult) -> String {
        var table = TextTable([
            .init("exit"), .init("MACs"), .init("ms"), .init("least"), .init("spread %"), .init("images/s"), .init("GFLOP/s"),
            .init("% peak"), .init("stage MACs"), .init("ms"), .init("GFLOP/s"), .init("% peak"),
        ])
        for (exit, stage) in zip(run.exits, run.stages) {
            table.append(
                [
                    "\(exit.exit)", SINumber.format(exit.macs), milliseconds(exit.time.median), milliseconds(exit.time.minimum),
                    percent(exit.time.spread), fixed(exit.imagesPerSecond, 0), fixed(exit.rate.gflops, 1),
                    percent(exit.rate.shareOfPeak), SINumber.format(stage.macs), milliseconds(stage.time.median),
                    fixed(stage.rate.gflops, 1), percent(stage.rate.shareOfPeak),
                ])
        }
        return table.render()
    }

    private func kernelTable(_ run: NetworkResult) -> String {
        var table = TextTable([
            .init("kernel", .left), .init("steps"), .init("MACs"), .init("us"), .init("% time"), .init("GFLOP/s"), .init("% peak"),
        ])
        for kernel in run.kernels {
            table.append(
                [kernel.kernel, "\(kernel.steps)", SINumber.format(kernel.macs), microseconds(kernel.seconds), percent(kernel.shareOfTime)]
                    + (kernel.macs > 0 ? rate(kernel.rate) : []))
        }
        return table.render()
    }

    private func stepTable(_ run: NetworkResult) -> String {
        var table = TextTable([
            .init("step"), .init("stage"), .init("node", .left), .init("operation", .left), .init("input"), .init("output"),
            .init("kernel", .left), .init("us"), .init("least"), .init("GFLOP/s"), .init("% peak"),
        ])
        for step in run.steps {
            table.append(
                [
                    "\(step.step)", "\(step.stage)", step.node, step.operation, shape(step.input), shape(step.output), step.kernel,
                    microseconds(step.time.median), microseconds(step.time.minimum),
                ] + (step.macs > 0 ? rate(step.rate) : []))
        }
        return table.render()
    }

    private func comparisonTable(_ kernels: [KernelComparison]) -> String {
        var table = TextTable([
            .init("convolution", .left), .init("times"), .init("batch"), .init("kernel", .left), .init("least us"),
            .init("spread %"), .init("GFLOP/s"), .init("% peak"), .init("predicted us"), .init("", .left),
        ])
        for comparison in kernels {
            for (place, kernel) in comparison.kernels.enumerated() {
                let first = place == 0 ? [comparison.convolution, "\(comparison.occurrences)", "\(comparison.batch)"] : ["", "", ""]
                let mark = kernel.isPick ? (comparison.slowdown > 1 ? "picked, \(fixed(comparison.slowdown, 2)) x" : "picked") : ""
                table.append(
                    first + [kernel.kernel, microseconds(kernel.time.minimum), percent(kernel.time.spread)] + rate(kernel.rate)
                        + [fixed(kernel.predictedNanoseconds / 1000, 1), mark])
            }
        }
        return table.render()
    }

    private func trainingTable(_ training: [TrainingResult]) -> String {
        var table = TextTable([
            .init("training batch"), .init("threads"), .init("joint ms"), .init("images/s"), .init("spread %"),
            .init("deconflicted ms"), .init("images/s"), .init("spread %"), .init("ratio"),
        ])
        for result in training {
            func cells(_ step: TrainingResult.Step) -> [String] {
                [milliseconds(step.time.median), fixed(step.imagesPerSecond, 0), percent(step.time.spread)]
            }
            table.append(["\(result.batch)", "\(result.threads)"] + cells(result.joint) + cells(result.deconflicted) + [fixed(result.ratio, 2)])
        }
        return table.render() + training.compactMap(rivalTable).map { "\n" + $0 }.joined()
    }

    private func rivalTable(_ result: TrainingResult) -> String? {
        guard let rivals = result.rivals else { return nil }
        var table = TextTable([.init("method, batch \(result.batch), threads \(result.threads)", .left), .init("ms"), .init("spread %"), .init("of joint")])
        let own = [
            TrainingResult.Rival(options: "--deconflict none", step: result.joint, ratio: 1),
            TrainingResult.Rival(options: "--deconflict project", step: result.deconflicted, ratio: result.ratio),
        ]
        for rival in own + rivals {
            table.append([rival.options, milliseconds(rival.step.time.median), percent(rival.step.time.spread), fixed(rival.ratio, 2)])
        }
        return table.render()
    }

    private func loadingTable(_ loading: LoadingResult) -> String {
        var table = TextTable([.init("from opening to"), .init("ms"), .init("least"), .init("spread %")])
        func append(_ what: String, _ time: Samples) {
            table.append([what, milliseconds(time.median), milliseconds(time.minimum), percent(time.spread)])
        }
        for (exit, time) in zip(network.exits, loading.exits) { append("exit \(exit)", time) }
        append("first answer, nothing more run", loading.first)
        append("all loaded", loading.whole)
        append("read as a whole, then compiled", loading.atOnce)
        return table.render()
            + "the first answer takes \(fixed(loading.share, 3)) of the whole load, \(fixed(loading.shareAtOnce, 3)) of reading it as a whole\n"
    }

    private func deadlineTable(_ deadlines: [DeadlineResult]) -> String {
        var table = TextTable([
            .init("busy threads"), .init("answering", .left), .init("deadline ms"), .init("as exit"), .init("answers"), .init("in time %"),
            .init("first exit in time %"), .init("of possible %"), .init("mean stages"), .init("oracle"), .init("depth %"),
            .init("waited ms"),
        ])
        for result in deadlines {
            table.append([
                "\(result.busyThreads)", result.answering.rawValue, milliseconds(result.deadlineSeconds), "\(result.exit)",
                "\(result.answers)", fixed(100 * result.inTime, 2), fixed(100 * result.firstInTime, 2), fixed(100 * result.ofPossible, 2),
                fixed(result.meanStages, 2), "\(result.oracleStages)",
                fixed(100 * result.meanStages / Double(max(result.oracleStages, 1)), 1),
                milliseconds(result.waitSeconds),
            ])
        }
        return table.render()
    }

    private func fixed(_ value: Double, _ digits: Int) -> String { SINumber.fixed(value, digits: digits) }
    private func milliseconds(_ seconds: Double) -> String { fixed(1e3 * seconds, 3) }
    private func microseconds(_ seconds: Double) -> String { fixed(1e6 * seconds, 1) }
    private func percent(_ share: Double) -> String { fixed(100 * share, 1) }
    private func rate(_ rate: Rate) -> [String] { [fixed(rate.gflops, 1), percent(rate.shareOfPeak)] }
    private func shape(_ dimensions: [Int]) -> String { dimensions.map(String.init).joined(separator: "x") }
}
