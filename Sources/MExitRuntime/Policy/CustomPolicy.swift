/// An exit policy of your own: conform to this, and hand it to ``ExitPolicy/custom(_:temperatures:combination:)``.
///
/// ```swift
/// struct SureTwice: CustomPolicy {
///     let name = "sure-twice"
///     func leaves(_ sample: ExitView) -> Bool { sample.probability >= 0.8 && sample.streak >= 1 }
/// }
/// ```
///
/// It is asked from whichever thread runs the sample, of several samples at a time, so it must keep no state of its own; what a
/// sample's earlier exits said is in the view.
public protocol CustomPolicy: Sendable {
    /// What reports call it.
    var name: String { get }
    /// Looks at the model before anything runs; accepts all by default.
    ///
    /// - Throws: whatever says that the policy does not fit the model; ``CheckedPolicy/init(_:for:)`` hands it on.
    func check(_ model: CompiledModel) throws
    /// Whether a sample leaves at an exit. Not asked at the last exit, which takes everybody.
    ///
    /// - Parameter sample: the exit it has reached, and what that and the exits before it said; valid during the call.
    func leaves(_ sample: ExitView) -> Bool
}

extension CustomPolicy {
    /// Accepts all models.
    public func check(_ model: CompiledModel) throws {}
}

/// What a ``CustomPolicy`` sees of a sample that has reached an exit; valid while the policy is asked.
public struct ExitView {
    /// What is run.
    public let model: CompiledModel
    /// The stage that has been run: 0 is that of the first kept exit.
    public let stage: Int
    /// The class that the exit gives, and its probability at the policy's temperature and combination.
    public let label: Int
    public let probability: Double
    /// Exits in a row, this one included, that confirmed the label of the exit before them.
    public let streak: Int
    let logitsOfStage: (Int) -> UnsafeBufferPointer<Float>

    /// The exit, an index into the graph's exits.
    public var exit: Int { model.exits[stage] }
    /// Multiply-adds so far, and those that the next exit would add.
    public var macs: Int { model.cumulativeCosts[stage].macs }
    /// See ``macs``.
    public var macsOfNextStage: Int { model.stageCosts[stage + 1].macs }

    /// Logits of this exit or an earlier one, `[K]`.
    ///
    /// - Parameter stage: 0 ... ``stage``; others give no logits.
    /// - Complexity: O(K), one allocation.
    public func logits(ofStage stage: Int) -> [Float] {
        (0...self.stage).contains(stage) ? Array(logitsOfStage(stage)) : []
    }
}

/// A ``CustomPolicy`` as a part of an ``ExitPolicy``. Two are equal when they come from the same call.
public struct CustomRule: Hashable, Sendable {
    private final class Identity: Sendable {}

    /// The user's own.
    public let policy: any CustomPolicy
    private let identity = Identity()

    init(_ policy: any CustomPolicy) { self.policy = policy }

    public static func == (a: CustomRule, b: CustomRule) -> Bool { a.identity === b.identity }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(identity)) }
}
