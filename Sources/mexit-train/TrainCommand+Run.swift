import MExitCheckpoint
import MExitCommand
import MExitData
import MExitIR
import MExitTraining

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension TrainCommand {
    func train() throws {
        let threads = training.threads ?? max(1, min(256, ProcessInfo.processInfo.activeProcessorCount))
        // Before minutes are spent on reading images.
        for path in [output.out, output.best, output.report, output.state].compactMap({ $0 }) {
            try ModelSaver.checkReplaceable(path)
            AtomicFile.removeLeftovers(of: path)
        }
        if let path = output.metrics { try ModelSaver.checkAppendable(path) }
        let initial = try training.initial.map { try Checkpoint.read(path: $0) }
        let saved = try output.resume.map { try TrainingState.read(path: $0) }
        let architecture = try training.arch.load()
        let source = try data.source
        let clock = ContinuousClock()
        let loadStart = clock.now
        let loaded = try load(source, for: architecture, threads: threads)
        let loadSeconds = (clock.now - loadStart) / .seconds(1)
        if output.best != nil, loaded.validation == nil {
            throw TrainingError(.badOption, "--best needs held-out images to tell which epoch is best; give --validation above 0")
        }
        let images = loaded.train
        let graph = try architecture.graph(
            classes: images.classNames.count,
            input: .map(channels: images.channels, height: images.size.height, width: images.size.width))
        var options = try options(imageSize: images.size)
        if let first = initial.first, options.normalization == nil {
            options.normalization = try Normalization(mean: first.preprocessing.mean, std: first.preprocessing.std)
        }
        let trainer = try Trainer(graph: graph, data: loaded, options: options, threads: threads)
        if !initial.isEmpty {
            switch try trainer.begin(with: initial) {
            case .kept: break
            case .reordered: StandardError.write("note: --init's classes are in another order; the classifiers' numbers are put into the data's\n")
            case .anew: StandardError.write("note: --init's classes are others than the data's, or in an order that these classifiers cannot be brought into; they begin with random numbers\n")
            }
        }
        if !output.quiet {
            let parameters = graph.parameters.filter(\.isTrainable).reduce(0) { $0 + $1.count }
            StandardError.write(
                "\(architecture.name): \(counted(graph.exits.count, "exit")), \(SINumber.format(parameters)) parameters, "
                    + "\(images.classNames.count) classes; images of \(graph.inputShape): \(images.count) to train on, "
                    + "\(loaded.validation?.count ?? 0) held out; \(counted(threads, "thread"))\n"
                    + "images read in \(SINumber.fixed(loadSeconds, digits: 1)) s; training takes at most "
                    + "\((trainer.memoryBound + (1 << 20) - 1) >> 20) MiB of memory\n")
        }
        let provenance = Provenance(
            architecture: architecture.name, command: command(source, architecture, validation: loaded.validation?.count ?? 0, cropSide: images.cropSide), seed: options.seed,
            data: name(of: source),
            dataFingerprint: hexadecimal(images.fingerprint(threads: threads)),
            producer: MExitVersion.producer(tool: "mexit-train"))
        let saver = try ModelSaver(
            path: output.out, bestPath: output.best, statePath: output.state, stateSeconds: 60 * output.stateMinutes, trainer: trainer, classNames: images.classNames, provenance: provenance)
        if let saved {
            try trainer.resume(from: saved, provenance: provenance)
            try saver.resume(from: saved)
        }

        let progress = output.quiet ? nil : ProgressReporter(isTerminal: isatty(STDERR_FILENO) == 1, write: StandardError.write)
        let facts = try runFacts(graph, provenance, threads: threads)
        // Before the metrics file: a resumed run reads its earlier epochs there.
        let report = output.report.map { ReportFile(path: $0, facts: facts, metricsPath: output.metrics) { StandardError.write("warning: \($0)\n") } }
        let metrics = try output.metrics.map {
            try MetricsFile(path: $0, facts: facts, appending: output.resume != nil) { StandardError.write("warning: \($0); training goes on\n") }
        }
        // The saver last: a run killed before its state is written trains the epoch again and reports it again, and none is missing.
        let possible: [(any TrainingObserver)?] = [report, metrics, saver, progress]
        let observers = possible.compactMap { $0 }

        Interruption.watch()
        let start = ContinuousClock.now
        func end(_ status: String, _ message: String? = nil) {
            progress?.closeBar()
            metrics?.end(status: status, message: message, seconds: (ContinuousClock.now - start) / .seconds(1))
            if let failure = report?.failure { StandardError.write("warning: \(failure)\n") }
        }
        do {
            switch try trainer.run(observers: observers, isInterrupted: { Interruption.isWished }) {
            case .finished:
                // A resumed run that had nothing left to do still owes its file.
                if saver.last == nil { try saver.save(epoch: options.epochs, validation: trainer.validate()) }
                end("finished")
            case .interrupted: throw TrainingError(.interrupted, "training was interrupted after step \(trainer.state.step)")
            }
        } catch {
            end((error as? TrainingError)?.code == .interrupted ? "interrupted" : "failed", "\(error)")
            throw Stopped(description: "\(error). \(saver.summary)")
        }
        try printResult(saver.last?.validation ?? [], graph: graph, seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    private func load(_ source: DataSource, for architecture: Architecture, threads: Int) throws -> TrainingData {
        let usual = ImageSize(height: architecture.defaultInput.height, width: architecture.defaultInput.width)
        let size = data.imageSize?.size ?? (source.kind == .images ? usual : nil)
        let options = LoadOptions(
            imageSize: size, cropSide: cropSide(source, size), onBadImage: data.onBadImage, seed: training.seed, threads: threads)
        let all = try source.loadTraining(options).train
        for image in all.skipped.prefix(5) { StandardError.write("warning: skipped: \(image.error)\n") }
        if !all.skipped.isEmpty {
            let what = all.skipped.count == 1 ? "1 image does not decode and was" : "\(all.skipped.count) images do not decode and were"
            StandardError.write("warning: \(what) skipped (--on-bad-image refuse makes this an error)\n")
        }
        if training.augment.kinds.contains(.crop), let side = all.cropSide, 2 * all.smallerThanCropSide > all.count {
            StandardError.write(
                "warning: \(all.smallerThanCropSide) of \(all.count) images are smaller than --crop-side \(side): windows of them are smaller in proportion, and enlarged\n")
        }
        // By default no more than leaves one of every class.
        let classes = all.classCounts.count { $0 > 0 }
        return try all.holdingOut(data.validation?.value ?? max(0, min(5000, all.count / 10, all.count - classes)), seed: training.seed)
    }

    /// What --crop-side says, or its default; nil: crops are taken from the images at the network's size.
    private func cropSide(_ source: DataSource, _ size: ImageSize?) -> Int? {
        if let given = training.cropSide { return given == 0 ? nil : given }
        guard source.kind == .images, training.augment.kinds.contains(.resizedCrop), let size else { return nil }
        return min(16384, (8 * min(size.height, size.width) + 6) / 7)
    }

    private func runFacts(_ graph: Graph, _ provenance: Provenance, threads: Int) throws -> MetricsFile.Facts {
        MetricsFile.Facts(
            producer: provenance.producer, command: provenance.command, architecture: provenance.architecture, data: provenance.data,
            dataFingerprint: provenance.dataFingerprint, classes: graph.classCount,
            parameters: graph.parameters.filter(\.isTrainable).reduce(0) { $0 + $1.count },
            macs: Graph.cumulative(try graph.stageCosts()).map(\.macs), seed: provenance.seed, threads: threads)
    }

    /// The whole command with every default written out, so that it means the same to later versions; folders are left out.
    private func command(_ source: DataSource, _ architecture: Architecture, validation: Int, cropSide: Int?) -> String {
        let t = training
        var words = [
            "mexit-train", "--data", name(of: source), "--arch", t.arch.recorded(architecture),
            "--out", lastComponent(output.out), "--validation", "\(validation)", "--epochs", "\(t.epochs)", "--batch-size", "\(t.batchSize)",
            "--lr", "\(t.lr)", "--momentum", "\(t.momentum)", "--weight-decay", "\(t.weightDecay)", t.nesterov ? "--nesterov" : "--no-nesterov",
            "--schedule", t.schedule.rawValue, "--warmup", "\(t.warmup)", "--deconflict", deconfliction.method.rawValue,
            "--scope", deconfliction.scope.rawValue, "--reduction", deconfliction.reduction.rawValue,
            "--projection-strength", "\(deconfliction.projectionStrength)", "--cagrad-radius", "\(deconfliction.cagradRadius)",
            "--label-smoothing", "\(t.labelSmoothing)", "--exit-weights", "\(t.exitWeights)", "--distill", "\(t.distill)",
            "--distill-temperature", "\(t.distillTemperature)", "--ema", "\(t.ema)",
            "--augment", t.augment.description, "--mixup", "\(t.mixup)", "--cutmix", "\(t.cutmix)", "--seed", "\(t.seed)",
        ]
        if t.cropSide != nil || t.augment.kinds.contains(.resizedCrop) { words += ["--crop-side", "\(cropSide ?? 0)"] }
        if let from = t.averageFrom { words += ["--average-from", "\(from)"] }
        for initial in t.initial { words += ["--init", lastComponent(initial)] }
        if let mean = t.mean, let std = t.std { words += ["--mean", mean.description, "--std", std.description] }
        if t.schedule == .multistep { words += ["--milestones", t.milestones.description, "--gamma", "\(t.gamma)"] }
        if let size = data.imageSize?.size { words += ["--image-size", "\(size)"] }
        return words.joined(separator: " ")
    }
}

/// An error of training together with what is left of it.
private struct Stopped: Error, CustomStringConvertible {
    let description: String
}

/// `KIND:` and the last folder of the path.
private func name(of source: DataSource) -> String { "\(source.kind.rawValue):\(lastComponent(source.directory))" }

/// `1 thread`, `2 threads`.
private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

private func lastComponent(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
}
