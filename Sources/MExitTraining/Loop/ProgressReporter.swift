/// Tells a person how training goes: a bar that is redrawn on a terminal, else a plain line now and then; one line per epoch.
public final class ProgressReporter: TrainingObserver {
    private let isTerminal: Bool
    private let write: (String) -> Void
    private let now: () -> Double
    private var run = RunReport(epochs: 0, stepsPerEpoch: 1, batchSize: 1, trainingImages: 0, validationImages: 0, firstStep: 0)
    private var start = 0.0
    private var lastShown = -Double.infinity
    /// Time and step of the epoch's first step, for its images per second.
    private var epochStart = (time: 0.0, step: 0)
    /// Mean loss over exits, smoothed over some twenty steps so that it can be read.
    private var loss: Double?
    private var barIsOpen = false

    /// - Parameters:
    ///   - now: seconds of a clock that never goes back.
    ///   - write: receives text for stderr.
    public init(isTerminal: Bool, now: (() -> Double)? = nil, write: @escaping (String) -> Void) {
        self.isTerminal = isTerminal
        self.write = write
        let clock = ContinuousClock()
        let origin = clock.now
        self.now = now ?? { clock.now.seconds(since: origin) }
    }

    public func trainingStarted(_ report: RunReport) {
        run = report
        start = now()
        lastShown = start
        epochStart = (start, report.firstStep)
    }

    public func stepEnded(_ report: StepReport) {
        let mean = report.loss.reduce(0, +) / Double(max(1, report.loss.count))
        loss = loss.map { $0 + 0.05 * (mean - $0) } ?? mean
        let time = now()
        guard time - lastShown >= (isTerminal ? 0.2 : 30) else { return }
        lastShown = time
        let images = Double(report.step - epochStart.step) * Double(run.batchSize)
        let text = line(epoch: report.epoch, step: report.step, imagesPerSecond: images / max(1e-9, time - epochStart.time), time: time)
        write(isTerminal ? "\r\(text)\u{1B}[K" : text + "\n")
        barIsOpen = isTerminal
    }

    public func epochEnded(_ report: EpochReport, state: TrainerState) {
        closeBar()
        let training = report.training.map(\.loss).reduce(0, +) / Double(max(1, report.training.count))
        var text = "epoch \(report.epoch)/\(run.epochs)  lr \(fixed(report.learningRate, 5))  loss \(fixed(training, 4))"
        if !report.validation.isEmpty {
            text += "  validation " + report.validation.map { fixed(100 * $0.accuracy, 2) }.joined(separator: " ") + " %"
        }
        write("\(text)  \(fixed(report.imagesPerSecond, 0)) images/s  \(ProgressReporter.duration(now() - start))\n")
        epochStart = (now(), report.step)
        lastShown = now()
    }

    /// Ends the line of the bar, before something else is written.
    public func closeBar() {
        if barIsOpen { write("\r\u{1B}[K") }
        barIsOpen = false
    }

    private func line(epoch: Int, step: Int, imagesPerSecond: Double, time: Double) -> String {
        let done = (step - 1) % run.stepsPerEpoch + 1
        let share = Double(done) / Double(run.stepsPerEpoch)
        let filled = Int(share * 20)
        let bar = isTerminal ? "[" + String(repeating: "=", count: filled) + String(repeating: " ", count: 20 - filled) + "]  " : ""
        // Validation is part of the time, so the estimate counts it in after the first epoch.
        let left = (time - start) / Double(max(1, step - run.firstStep)) * Double(run.epochs * run.stepsPerEpoch - step)
        return "epoch \(epoch)/\(run.epochs)  \(bar)\(fixed(100 * share, 0)) %  \(fixed(imagesPerSecond, 0)) images/s  "
            + "loss \(fixed(loss ?? 0, 4))  \(ProgressReporter.duration(left)) left"
    }

    /// `1:02:03`, or `2:03` below an hour.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let whole = Int(seconds.rounded())
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
    }
}

/// Decimal notation, ties away from zero; for people, hence the plain fallback for what does not fit.
private func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let number = Int(scaled)
    let sign = value < 0 && number > 0 ? "-" : ""
    guard digits > 0 else { return sign + String(number) }
    let fraction = String(number % Int(scale))
    return "\(sign)\(number / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}
