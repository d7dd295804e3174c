import MExitCheckpoint
import MExitData
import MExitIR
import Testing

@testable import MExitTraining

/// Pictures of three classes that colour alone does not tell apart: horizontal stripes, vertical stripes, a chessboard; random
/// colours, width and phase, with noise.
func texturePictures(count: Int, size: Int = 16, seed: UInt64 = 1) throws -> DataSet {
    var pixels: [UInt8] = []
    var labels: [Int32] = []
    for index in 0..<count {
        var random = TensorRandom(seed: seed, name: "picture \(index)")
        let label = index % 3
        let (width, phaseX, phaseY) = (2 + Int(random.next() % 2), Int(random.next() % 6), Int(random.next() % 6))
        let dark = (0..<3).map { _ in 100 * random.uniform() }
        let light = (0..<3).map { _ in 150 + 100 * random.uniform() }
        for c in 0..<3 {
            for y in 0..<size {
                for x in 0..<size {
                    let (column, row) = ((x + phaseX) / width % 2, (y + phaseY) / width % 2)
                    let on = [row, column, (row + column) % 2][label] == 1
                    pixels.append(UInt8(max(0, min(255, (on ? light : dark)[c] + 15 * random.normal()))))
                }
            }
        }
        labels.append(Int32(label))
    }
    return try DataSet(
        name: "textures", classNames: ["rows", "columns", "chess"], channels: 3, size: ImageSize(height: size, width: size),
        labels: labels, pixels: pixels)
}

/// Two exits, some 1500 parameters.
func microNetwork(classes: Int = 3, size: Int = 16) throws -> Graph {
    var builder = GraphBuilder(input: .map(channels: 3, height: size, width: size))
    func head(_ x: Int, _ name: String) {
        let pooled = builder.append(.flatten, [builder.append(.globalAveragePool, [x], name: "\(name).pool")], name: "\(name).flatten")
        builder.exit(builder.append(.linear(Linear(outFeatures: classes)), [pooled], name: "\(name).linear"), name: name)
    }
    builder.block = "first"
    var x = builder.convNormRelu(0, 8, kernel: 3, padding: 1, name: "a")
    builder.block = "exit0"
    head(x, "exit0")
    builder.block = "second"
    x = builder.convNormRelu(x, 12, kernel: 3, stride: 2, padding: 1, name: "b")
    builder.block = "exit1"
    head(x, "exit1")
    return try builder.build()
}

private func makeTrainer(_ options: TrainingOptions, images: Int = 360, validation: Int = 60, threads: Int = 2) throws -> Trainer {
    let data = try texturePictures(count: images).holdingOut(validation, seed: 3)
    return try Trainer(graph: try microNetwork(), data: data, options: options, threads: threads)
}

private func options(_ change: (inout TrainingOptions) -> Void = { _ in }) -> TrainingOptions {
    var options = TrainingOptions(
        epochs: 8, batchSize: 20, learningRate: 0.1, optimizer: SGDOptions(nesterov: true),
        augmentation: Augmentation(cropPadding: 1, horizontalFlip: true), seed: 5)
    change(&options)
    return options
}

private func bytes(_ trainer: Trainer) throws -> [UInt8] {
    try Checkpoint.bytes(try trainer.model(classNames: ["rows", "columns", "chess"], provenance: Provenance(seed: 5)))
}

private final class Recorder: TrainingObserver {
    var run: RunReport?
    var steps: [StepReport] = []
    var epochs: [EpochReport] = []
    var interruptions = 0
    func trainingStarted(_ report: RunReport) { run = report }
    func stepEnded(_ report: StepReport) { steps.append(report) }
    func epochEnded(_ report: EpochReport, state: TrainerState) { epochs.append(report) }
    func trainingInterrupted(state: TrainerState) { interruptions += 1 }
}

@Suite struct TrainerTests {
    @Test(arguments: [DeconflictionOptions.Method.project, .none])
    func learnsTextures(method: DeconflictionOptions.Method) throws {
        let trainer = try makeTrainer(options { $0.deconfliction.method = method })
        let recorder = Recorder()
        #expect(try trainer.run(observers: [recorder]) == .finished)
        #expect(recorder.run?.stepsPerEpoch == 15)
        #expect(recorder.steps.map(\.step) == Array(1...120))
        #expect(recorder.epochs.map(\.epoch) == Array(1...8))
        let last = try #require(recorder.epochs.last)
        #expect(last.validation.allSatisfy { $0.seen == 60 && $0.accuracy > 0.9 }, "\(last.validation)")
        #expect(last.training.allSatisfy { $0.seen == 300 })
        let first = try #require(recorder.epochs.first)
        #expect(zip(last.validation, first.validation).allSatisfy { $0.loss < $1.loss })
        #expect(recorder.steps.allSatisfy { $0.gradientNorm > 0 && $0.gradientNorm.isFinite })
        // Only the first block has gradients of both exits, and only deconfliction looks at them apart.
        #expect(last.conflicts.blocks.map(\.name) == (method == .project ? ["first"] : []))
        if method == .project { #expect(last.conflicts.blocks[0].pairs[0].seen == 15 * 3) }
    }

    @Test func sameSeedSameBytesWhateverTheThreads() throws {
        var files: [[UInt8]] = []
        for threads in [1, 1, 2] {
            let trainer = try makeTrainer(options { $0.epochs = 2 }, threads: threads)
            _ = try trainer.run()
            files.append(try bytes(trainer))
        }
        #expect(files[0] == files[1] && files[1] == files[2])
        let other = try makeTrainer(options { $0.epochs = 2; $0.seed = 6 })
        _ = try other.run()
        #expect(try bytes(other) != files[0])
    }

    @Test func withoutConflictsProjectionIsJointTraining() throws {
        // Strength 0 leaves every gradient as it is: only the order of rounding differs from one joint gradient.
        func weights(_ deconfliction: DeconflictionOptions) throws -> [Float] {
            let trainer = try makeTrainer(options { $0.epochs = 1; $0.deconfliction = deconfliction; $0.warmup = 0; $0.learningRate = 0.01 })
            _ = try trainer.run()
            return Array(trainer.state.parameters.values)
        }
        let apart = try weights(DeconflictionOptions(strength: 0))
        let joint = try weights(DeconflictionOptions(method: .none))
        let projected = try weights(DeconflictionOptions())
        let size = joint.map { $0.magnitude }.max() ?? 0
        #expect(zip(apart, joint).allSatisfy { abs($0 - $1) < 1e-4 * size })
        #expect(projected != apart)
    }

    @Test func anAbsurdLearningRateStopsCleanly() throws {
        let trainer = try makeTrainer(options { $0.learningRate = 1e12; $0.warmup = 0 })
        let recorder = Recorder()
        let error = #expect(throws: TrainingError.self) { try trainer.run(observers: [recorder]) }
        #expect(error?.code == .diverged)
        let message = error?.message ?? ""
        // A step that fails is not reported; at an epoch's end it is the last one that was.
        let step = recorder.steps.count + (message.contains("epoch's end") ? 0 : 1)
        #expect(message.contains("step \(step) ") && !message.contains("-nan"), "\(message)")
        #expect(message.contains("learning rate"), "\(message)")
        // What observers were given was finite throughout.
        #expect(recorder.steps.allSatisfy { $0.loss.allSatisfy(\.isFinite) && $0.gradientNorm.isFinite })
        #expect(recorder.epochs.allSatisfy { $0.validation.allSatisfy(\.lossSum.isFinite) })
    }

    @Test func interruptionStopsBehindTheStep() throws {
        let trainer = try makeTrainer(options())
        let recorder = Recorder()
        #expect(try trainer.run(observers: [recorder], isInterrupted: { recorder.steps.count == 17 }) == .interrupted)
        #expect(trainer.state.step == 17 && recorder.interruptions == 1 && recorder.epochs.count == 1)
        // The same object goes on to the same end as one that was never stopped.
        _ = try trainer.run()
        let straight = try makeTrainer(options())
        _ = try straight.run()
        #expect(try bytes(trainer) == bytes(straight))
    }

    @Test func aSavedStateGoesOnToTheSameBytes() throws {
        let straight = try makeTrainer(options { $0.epochs = 3 })
        _ = try straight.run()
        let names = ["rows", "columns", "chess"]
        let provenance = Provenance(seed: 5, dataFingerprint: "d")
        // In the middle of an epoch, and at its end.
        for stop in [20, 15] {
            let first = try makeTrainer(options { $0.epochs = 3 })
            let recorder = Recorder()
            #expect(try first.run(observers: [recorder], isInterrupted: { recorder.steps.count == stop }) == .interrupted)
            let saved = try first.checkpoint(classNames: names, provenance: provenance).bytes()
            let second = try makeTrainer(options { $0.epochs = 3 }, threads: 1)
            try second.resume(from: try TrainingState.read(bytes: saved), provenance: provenance)
            let rest = Recorder()
            #expect(try second.run(observers: [rest]) == .finished)
            #expect(rest.run?.firstStep == stop && rest.steps.count == 45 - stop)
            #expect(rest.epochs.allSatisfy { $0.training.allSatisfy { $0.seen == 300 } }, "the tally goes on too")
            #expect(try bytes(second) == bytes(straight))
        }
    }

    /// Everything that adds state or draws numbers, at once.
    private func everything(_ averaging: Averaging, _ options: inout TrainingOptions) {
        options.epochs = 2
        options.deconfliction = DeconflictionOptions(method: .pcgrad, scope: .network, reduction: .mean)
        options.exitWeights = .sdn
        options.distillation = Distillation(share: 0.4, temperature: 2)
        options.labelSmoothing = 0.05
        options.averaging = averaging
    }

    @Test(arguments: [Averaging.exponential(decay: 0.98), .mean(from: 0.5)])
    func allMethodsTogetherResumeToTheSameBytes(averaging: Averaging) throws {
        func everything(_ options: inout TrainingOptions) { self.everything(averaging, &options) }
        let straight = try makeTrainer(options(everything))
        let whole = Recorder()
        _ = try straight.run(observers: [whole])
        for stop in [8, 15, 29] {
            let first = try makeTrainer(options(everything))
            let recorder = Recorder()
            _ = try first.run(observers: [recorder], isInterrupted: { recorder.steps.count == stop })
            let saved = try first.checkpoint(classNames: ["rows", "columns", "chess"], provenance: Provenance(seed: 5)).bytes()
            let second = try makeTrainer(options(everything), threads: 1)
            try second.resume(from: try TrainingState.read(bytes: saved), provenance: Provenance(seed: 5))
            let rest = Recorder()
            _ = try second.run(observers: [rest])
            #expect(try bytes(second) == bytes(straight))
            #expect(rest.epochs.last?.validation == whole.epochs.last?.validation)
            #expect(rest.epochs.map(\.conflicts) == whole.epochs.suffix(rest.epochs.count).map(\.conflicts))
            #expect(Array(second.state.parameters.values) == Array(straight.state.parameters.values))
        }
    }

    @Test func theAverageIsWhatIsValidatedAndSaved() throws {
        let trainer = try makeTrainer(options { $0.epochs = 1; $0.averaging = .exponential(decay: 0.99) })
        let recorder = Recorder()
        _ = try trainer.run(observers: [recorder])
        let plain = try makeTrainer(options { $0.epochs = 1 })
        let other = Recorder()
        _ = try plain.run(observers: [other])
        #expect(Array(trainer.state.parameters.values) == Array(plain.state.parameters.values), "averaging changes no step")
        #expect(recorder.epochs[0].validation != other.epochs[0].validation)
        let model = try trainer.model(classNames: [], provenance: Provenance())
        #expect(model.tensors["a.conv.weight"] != (try plain.model(classNames: [], provenance: Provenance())).tensors["a.conv.weight"])
        let average = try #require(trainer.state.average)
        #expect(model.tensors == average.withAverage { trainer.state.parameters.tensors() })
        // The saved model, loaded for training, gives the validation that was reported.
        let loaded = try makeTrainer(options())
        try loaded.state.parameters.assign(model.tensors)
        #expect(loaded.validate() == recorder.epochs[0].validation)
    }

    @Test(arguments: [DeconflictionOptions.Method.pcgrad, .cagrad], [DeconflictionOptions.Scope.tensor, .block, .network])
    func rivalsTrain(method: DeconflictionOptions.Method, scope: DeconflictionOptions.Scope) throws {
        let trainer = try makeTrainer(options { $0.epochs = 3; $0.deconfliction = DeconflictionOptions(method: method, scope: scope) })
        let recorder = Recorder()
        _ = try trainer.run(observers: [recorder])
        let (first, last) = (try #require(recorder.epochs.first), try #require(recorder.epochs.last))
        #expect(zip(last.training, first.training).allSatisfy { $0.loss < $1.loss })
        #expect(last.conflicts.blocks[0].pairs[0].seen == 15 * 3)
    }

    @Test func aStateOfAnotherRunIsRefused() throws {
        let names = ["rows", "columns", "chess"]
        let provenance = Provenance(dataFingerprint: "d")
        let saved = try makeTrainer(options()).checkpoint(classNames: names, provenance: provenance)
        let other = try makeTrainer(options { $0.learningRate = 0.05 })
        let error = #expect(throws: TrainingError.self) { try other.resume(from: saved, provenance: provenance) }
        #expect(error?.message.contains("learning rate is 0.1, this run's 0.05") == true)
        let changes: [(String, (inout TrainingOptions) -> Void)] = [
            ("its exit weights is constant, this run's sdn", { $0.exitWeights = .sdn }),
            ("its distillation is none, this run's 0.5 at temperature 1.0", { $0.distillation = Distillation(share: 0.5) }),
            ("its decay of the weight average is 0.0, this run's 0.9", { $0.averaging = .exponential(decay: 0.9) }),
            ("its mean of the weights is none, this run's from 0.5", { $0.averaging = .mean(from: 0.5) }),
            ("its deconfliction is project, this run's cagrad", { $0.deconfliction.method = .cagrad }),
        ]
        for (message, change) in changes {
            let other = try makeTrainer(options(change))
            let error = #expect(throws: TrainingError.self) { try other.resume(from: saved, provenance: provenance) }
            #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        }
        let same = try makeTrainer(options())
        #expect(throws: TrainingError.self) { try same.resume(from: saved, provenance: Provenance(dataFingerprint: "e")) }
        for damage: (inout TrainingState) -> Void in [
            { $0.counters["step"] = .max }, { $0.counters["step"] = nil }, { $0.tensors["velocity/a.conv.weight"] = nil },
            { $0.numbers["tally/1/loss"] = nil }, { $0.texts["options/seed"] = nil },
        ] {
            var damaged = saved
            damage(&damaged)
            #expect(throws: TrainingError.self) { try same.resume(from: damaged, provenance: provenance) }
        }
        try same.resume(from: saved, provenance: provenance)
    }

    @Test func beginsWithATrainedModel() throws {
        let names = ["rows", "columns", "chess"]
        let first = try makeTrainer(options { $0.epochs = 2 })
        let reports = Recorder()
        _ = try first.run(observers: [reports])
        let model = try first.model(classNames: names, provenance: Provenance())
        for averaging in [Averaging.none, .exponential(decay: 0.9), .mean(from: 0.5)] {
            let second = try makeTrainer(options { $0.averaging = averaging })
            try second.begin(with: model)
            #expect(second.validate() == reports.epochs.last?.validation)
            #expect(try second.model(classNames: names, provenance: Provenance()).tensors == model.tensors)
        }
    }

    @Test func beginsWithTheMeanOfModels() throws {
        let names = ["rows", "columns", "chess"]
        let models: [Model] = try [UInt64(1), 2, 3].map { seed in
            let trainer = try makeTrainer(options { ($0.epochs, $0.seed) = (1, seed) })
            _ = try trainer.run()
            return try trainer.model(classNames: names, provenance: Provenance())
        }
        let trainer = try makeTrainer(options())
        let before = trainer.state.parameters.tensors()
        var (otherClasses, otherScale) = (models[1], models[1])
        otherClasses.classNames = ["rows", "chess", "columns"]
        otherScale.preprocessing.std[0] *= 2
        for (other, word) in [(otherClasses, "classes"), (otherScale, "normalisation")] {
            let error = #expect(throws: TrainingError.self) { try trainer.begin(with: [models[0], other]) }
            #expect(error?.message.contains("the \(word) of number 2 differ") == true, "\(String(describing: error))")
        }
        #expect(throws: TrainingError.self) { try trainer.begin(with: []) }
        #expect(trainer.state.parameters.tensors() == before)
        try trainer.begin(with: models)
        for (name, values) in trainer.state.parameters.tensors() {
            let all = try models.map { try #require($0.tensors[name]) }
            let mean: [Float] = values.indices.map { i in
                let sum: Double = all.reduce(0) { $0 + Double($1[i]) }
                return Float(sum / 3)
            }
            #expect(values == mean, "\(name)")
        }
    }

    @Test func otherClassesGetNewClassifiers() throws {
        let first = try makeTrainer(options { $0.epochs = 1 })
        _ = try first.run()
        let model = try first.model(classNames: [], provenance: Provenance())
        let pictures = try texturePictures(count: 60)
        let four = try DataSet(
            name: "four", classNames: ["a", "b", "c", "d"], channels: 3, size: pictures.size, labels: (0..<60).map { Int32($0 % 4) },
            pixels: (0..<60 * 3 * 16 * 16).map { UInt8($0 % 251) })
        func trainer() throws -> Trainer {
            try Trainer(graph: try microNetwork(classes: 4), data: try four.holdingOut(0, seed: 0), options: options(), threads: 1)
        }
        let (fresh, second) = (try trainer(), try trainer())
        try second.begin(with: model)
        let (random, begun) = (fresh.state.parameters.tensors(), second.state.parameters.tensors())
        for (name, values) in begun {
            #expect(values == (name.hasSuffix("linear.weight") || name.hasSuffix("linear.bias") ? random : model.tensors)[name], "\(name)")
        }
    }

    /// As many classes: by name, not by number.
    @Test func classesOfOtherNamesOrOrder() throws {
        let first = try makeTrainer(options { $0.epochs = 3 })
        let reports = Recorder()
        _ = try first.run(observers: [reports])
        var model = try first.model(classNames: ["rows", "columns", "chess"], provenance: Provenance())
        #expect(try makeTrainer(options()).begin(with: model) == .kept)
        // The same numbers, the classes in another order.
        model.classNames = ["chess", "rows", "columns"]
        for name in ["exit0.linear.weight", "exit0.linear.bias", "exit1.linear.weight", "exit1.linear.bias"] {
            let values = try #require(model.tensors[name])
            let row = values.count / 3
            model.tensors[name] = Array(values[2 * row..<3 * row] + values[..<row] + values[row..<2 * row])
        }
        let second = try makeTrainer(options())
        #expect(try second.begin(with: model) == .reordered)
        #expect(second.validate() == reports.epochs.last?.validation)
        model.classNames = ["chess", "rows", "pillars"]
        let (fresh, third) = (try makeTrainer(options()), try makeTrainer(options()))
        #expect(try third.begin(with: model) == .anew)
        let (random, begun) = (fresh.state.parameters.tensors(), third.state.parameters.tensors())
        for (name, values) in begun { #expect(values == (name.contains("linear") ? random : model.tensors)[name], "\(name)") }
    }

    @Test func aModelOfAnotherNetworkIsNoBeginning() throws {
        let model = try makeTrainer(options()).model(classNames: [], provenance: Provenance())
        var builder = GraphBuilder(input: .map(channels: 3, height: 16, width: 16))
        let x = builder.convNormRelu(0, 9, kernel: 3, padding: 1, name: "a")
        let flat = builder.append(.flatten, [builder.append(.globalAveragePool, [x], name: "p")], name: "f")
        builder.exit(builder.append(.linear(Linear(outFeatures: 3)), [flat], name: "l"), name: "exit0")
        let data = try texturePictures(count: 30).holdingOut(0, seed: 0)
        let other = try Trainer(graph: try builder.build(), data: data, options: options(), threads: 1)
        let before = other.state.parameters.tensors()
        let error = #expect(throws: TrainingError.self) { try other.begin(with: model) }
        #expect(error?.message.contains("tensor 'a.conv.weight' is [8, 3, 3, 3] there, [9, 3, 3, 3] in this network") == true, "\(String(describing: error))")
        #expect(other.state.parameters.tensors() == before)
    }

    @Test func aStateBegunWithAModelIsResumedWithIt() throws {
        let names = ["rows", "columns", "chess"]
        let model = try makeTrainer(options()).model(classNames: names, provenance: Provenance())
        let begun = try makeTrainer(options { $0.seed = 6 })
        try begun.begin(with: model)
        let saved = try begun.checkpoint(classNames: names, provenance: Provenance())
        let plain = try makeTrainer(options { $0.seed = 6 })
        let error = #expect(throws: TrainingError.self) { try plain.resume(from: saved, provenance: Provenance()) }
        #expect(error?.message.contains("first weights") == true)
        try plain.begin(with: model)
        try plain.resume(from: saved, provenance: Provenance())
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let data = try texturePictures(count: 30).holdingOut(0, seed: 0)
        let wrongSize = #expect(throws: TrainingError.self) {
            try Trainer(graph: try microNetwork(size: 8), data: data, options: options(), threads: 1)
        }
        #expect(wrongSize?.message.contains("3x16x16") == true && wrongSize?.message.contains("3x8x8") == true)
        let wrongClasses = #expect(throws: TrainingError.self) {
            try Trainer(graph: try microNetwork(classes: 4), data: data, options: options(), threads: 1)
        }
        #expect(wrongClasses?.code == .mismatch)
        for change: (inout TrainingOptions) -> Void in [
            { $0.batchSize = 0 }, { $0.epochs = 0 }, { $0.learningRate = -1 }, { $0.optimizer.momentum = 2 }, { $0.warmup = 100 },
            { $0.deconfliction.strength = .infinity }, { $0.exitWeights = .list([1, 1, 1]) }, { $0.averaging = .exponential(decay: 1) },
            { $0.averaging = .exponential(decay: .nan) }, { $0.averaging = .mean(from: -0.1) }, { $0.averaging = .mean(from: .nan) },
            { ($0.epochs, $0.averaging) = (4, .mean(from: 4)) }, { ($0.epochs, $0.averaging) = (4, .mean(from: 1.5)) },
            { $0.averaging = .exponential(decay: 0) },
            { $0.distillation = Distillation(share: -1) },
        ] {
            let bad = options(change)
            #expect(throws: TrainingError.self) { try Trainer(graph: try microNetwork(), data: data, options: bad, threads: 1) }
        }
        #expect(throws: NetworkError.self) {
            try Trainer(graph: try microNetwork(), data: data, options: options { $0.labelSmoothing = 1 }, threads: 1)
        }
    }

    @Test func fewImagesMakeOneBatch() throws {
        let data = try texturePictures(count: 9).holdingOut(0, seed: 0)
        let trainer = try Trainer(graph: try microNetwork(), data: data, options: options { $0.epochs = 2 }, threads: 1)
        let recorder = Recorder()
        #expect(try trainer.run(observers: [recorder]) == .finished)
        #expect(recorder.run?.batchSize == 9 && recorder.steps.count == 2)
        #expect(recorder.epochs.allSatisfy { $0.validation.isEmpty })
    }
}
