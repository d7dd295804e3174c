import MExitIR

/// How sure one exit is, and how sure it should be.
public struct ExitCalibration: Sendable, Encodable {
    public var exit: Int
    public var macs: Int
    public var accuracy: Double
    public var scaling: TemperatureScaling
    public var reliabilityBefore: Reliability
    public var reliabilityAfter: Reliability
    /// ``Reliability/expectedCalibrationError`` at temperature 1 and at the fitted one.
    public var eceBefore: Double
    public var eceAfter: Double
}

/// What one method gives for a wish.
public struct MethodResult: Sendable, Encodable {
    public var method: CalibrationMethod
    /// On the samples that the thresholds were chosen on.
    public var macs: Double
    public var accuracy: Double
    /// On samples that they were not chosen on, by cross-validation.
    public var crossValidatedMacs: Double?
    public var crossValidatedAccuracy: Double?
}

/// An operating point and how it came about.
public struct OperatingPoint: Sendable, Encodable {
    public var name: String
    public var wish: String
    public var method: CalibrationMethod
    /// Why this method.
    public var reason: String
    public var thresholds: [Double]
    public var temperatures: [Double]
    /// On new data: from cross-validation, or from the samples that tested the promise.
    public var expectedMacs: Double
    public var expectedAccuracy: Double
    /// Share of the calibration's samples that leave at each exit.
    public var shares: [Double]
    /// Every method at this point's cost.
    public var comparison: [MethodResult]
    public var risk: RiskDetails?
    /// Whether it is one of a family, `--sweep`.
    public var isOfSweep = false
    /// As it is stored.
    public var policy: NamedPolicy

    private enum CodingKeys: String, CodingKey {
        case name, wish, method, reason, thresholds, temperatures, expectedMacs, expectedAccuracy, shares, comparison, risk
    }
}

/// How a promise was proved.
public struct RiskDetails: Sendable, Encodable {
    public var quantity: String
    public var limit: Double
    public var confidence: Double
    public var test: RiskTest
    /// The quantity on the samples that tested it: an estimate, which the choice of the policy flatters a little.
    public var observed: Double
    public var designSamples: Int
    public var testSamples: Int
    /// Place on the path from the whole network (0) to the first exit.
    public var step: Int
    public var steps: Int
}

/// What calibration found, without the model.
public struct CalibrationResult: Sendable, Encodable {
    public var data: String
    public var dataFingerprint: String
    public var samples: Int
    public var classes: Int
    public var exits: [ExitCalibration]
    public var points: [OperatingPoint]
    public var gainTables: GainTables
    /// Per method, accuracy on the calibration's samples over cost: for the picture.
    public var curves: [Curve]
    /// Seconds from the logits to here: temperatures, cross-validation, search, tables.
    public var seconds: Double

    public struct Curve: Sendable, Encodable {
        public var method: CalibrationMethod
        public var macs: [Double]
        public var accuracy: [Double]
    }

    private enum CodingKeys: String, CodingKey {
        case data, dataFingerprint, samples, classes, exits, points, curves, seconds
    }
}
