import MExitCalibration
import _MExitTestSupport

/// Logits of a network that does not exist: samples are easy or hard, deeper exits are better, and all of them are too sure of
/// themselves by the same factor.
func syntheticLogits(
    count: Int, exits: Int = 4, classes: Int = 5, seed: UInt64 = 1, overconfidence: Double = 1, name: String = "made-up"
) throws -> ExitLogits {
    var generator = SeededGenerator(seed: seed)
    func noise() -> Double { (0..<4).reduce(0) { sum, _ in sum + Double.random(in: -1...1, using: &generator) } }
    var labels: [Int32] = []
    var values = [[Float]](repeating: [], count: exits)
    for sample in 0..<count {
        // Every class is there, whatever the generator says.
        let truth = sample < classes ? sample : Int.random(in: 0..<classes, using: &generator)
        labels.append(Int32(truth))
        let ease = Double.random(in: -1...4, using: &generator)
        let shared = (0..<classes).map { _ in noise() }
        for exit in 0..<exits {
            let skill = ease + 0.5 * Double(exit)
            for k in 0..<classes {
                let own = 0.5 * noise()
                values[exit].append(Float(overconfidence * ((k == truth ? skill : 0) + shared[k] + own)))
            }
        }
    }
    return try ExitLogits(
        name: name, fingerprint: "00000000000000ff", labels: labels, classCount: classes, macs: (0..<exits).map { 1000 * ($0 + 1) + 500 },
        values: values)
}
