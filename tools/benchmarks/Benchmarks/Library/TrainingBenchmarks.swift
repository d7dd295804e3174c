import Benchmark
import MExitTraining

/// The small dense algebra of deconfliction, per tensor and step: from the inner products of seven exits' gradients to the
/// coefficients with which they are added. Whole steps are `mexit-bench --train`.
func trainingBenchmarks() {
    let exits = 7
    // Gradients whose neighbours agree and whose ends conflict.
    var gram = GramMatrix(size: exits)
    for i in 0..<exits {
        for j in 0..<exits { gram[i, j] = i == j ? 1 : 0.5 - 0.2 * Double(abs(i - j)) }
    }
    let matrix = gram
    func add(_ name: String, _ combiner: some GradientCombiner) {
        Benchmark("deconflict seven exits: \(name)", configuration: manyTimes) { benchmark in
            for draw in benchmark.scaledIterations { blackHole(combiner.coefficients(of: matrix, draw: UInt64(draw))) }
        }
    }
    add("project", ProjectionCombiner())
    add("pcgrad", PCGradCombiner())
    add("cagrad", CAGradCombiner())
}
