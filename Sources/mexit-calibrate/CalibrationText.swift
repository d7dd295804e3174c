import MExitCalibration
import MExitCommand
import MExitIR

/// A calibration as tables for people.
struct CalibrationText {
    let result: CalibrationResult

    init(_ result: CalibrationResult) { self.result = result }

    func text() -> String {
        var exits = TextTable([
            .init("exit"), .init("MACs"), .init("accuracy %"), .init("temperature"), .init("NLL before"), .init("after"), .init("ECE % before"),
            .init("after"),
        ])
        for exit in result.exits {
            exits.append([
                "\(exit.exit)", SINumber.format(exit.macs, digits: 2), percent(exit.accuracy), SINumber.fixed(exit.scaling.temperature, digits: 3),
                SINumber.fixed(exit.scaling.before, digits: 4), SINumber.fixed(exit.scaling.after, digits: 4), percent(exit.eceBefore),
                percent(exit.eceAfter),
            ])
        }
        var points = TextTable([
            .init("name", .left), .init("expected MACs"), .init("saved %"), .init("accuracy %"), .init("measure", .left), .init("thresholds", .left),
            .init("left at exit, %", .left), .init("promise", .left),
        ])
        let whole = Double(max(result.exits.last?.macs ?? 1, 1))
        for point in result.points {
            points.append([
                point.name, SINumber.format(point.expectedMacs, digits: 2), percent(1 - point.expectedMacs / whole), percent(point.expectedAccuracy),
                point.method.rawValue, point.thresholds.map { SINumber.fixed($0, digits: 4) }.joined(separator: " "),
                point.shares.map { SINumber.fixed(100 * $0, digits: 1) }.joined(separator: " "), promise(point),
            ])
        }
        var text = "\(result.data): \(result.samples) samples, fingerprint \(result.dataFingerprint)\n\n" + exits.render() + "\n" + points.render()
        for point in result.points where !point.comparison.isEmpty {
            var methods = TextTable([
                .init("method", .left), .init("MACs"), .init("accuracy %"), .init("cross-validated MACs"), .init("accuracy %"),
            ])
            for row in point.comparison {
                methods.append([
                    row.method.rawValue, SINumber.format(row.macs, digits: 2), percent(row.accuracy),
                    row.crossValidatedMacs.map { SINumber.format($0, digits: 2) } ?? "", row.crossValidatedAccuracy.map(percent) ?? "",
                ])
            }
            text += "\n\(point.name): \(point.wish); \(point.method.rawValue), \(point.reason)\n" + methods.render()
        }
        return text
    }

    private func promise(_ point: OperatingPoint) -> String {
        guard let promise = point.policy.promise else { return "" }
        func show(_ value: Double) -> String { promise.quantity == .macs ? SINumber.format(value, digits: 2) : "\(percent(value)) %" }
        let sign = promise.quantity == .accuracy ? ">=" : "<="
        return "\(promise.quantity.rawValue) \(sign) \(show(promise.limit)), "
            + (promise.confidence > 0
                ? "proved with confidence \(promise.confidence), \(promise.method)" : "estimate \(show(promise.bound)), \(promise.method)")
            + (point.risk.map { ", seen \(percent($0.observed)) %" } ?? "")
    }

    static func text(_ trials: RiskTrials, _ wish: RiskWish) -> String {
        var table = TextTable([
            .init("risk", .left), .init("limit"), .init("confidence"), .init("test", .left), .init("calibrated on"), .init("trials"), .init("kept, rest"),
            .init("kept, whole"), .init("mean risk %"), .init("seen in testing %"), .init("mean MACs"), .init("saved %"),
        ])
        table.append([
            wish.quantity.rawValue, "\(wish.limit)", "\(wish.confidence)", wish.test.rawValue, "\(trials.calibrationSamples)", "\(trials.trials)",
            percent(trials.keptOnRest) + " %", percent(trials.keptOnWhole) + " %", percent(trials.meanRisk),
            percent(trials.meanObserved), SINumber.format(trials.meanMACs, digits: 2), percent(trials.savedShare),
        ])
        return table.render()
    }
}

private func percent(_ share: Double) -> String { SINumber.fixed(100 * share, digits: 2) }
