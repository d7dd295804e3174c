import CMExitKernels

/// Which weights each convolution fetches into the second-level cache while it computes.
///
/// Packed weights stand in the order in which steps read them, so what will be read next is what stands next. Layers on large
/// maps wait for their multiply-adds, the heads of a network and other wide layers on small maps for their weights; where the
/// former fetch for the latter, and each for its own later parts, memory delivers all the time and nobody waits.
struct FetchPlan {
    /// Per step, where its weights end; they start where those of the step before end.
    let weightEnds: [Int]

    /// Floats beyond a step's own weights that may be fetched: half of a second-level cache of 1 MiB. Less and more were
    /// slower on MSDNet for ImageNet: what is fetched too early pushes out what is in use, and itself before it is read.
    static let window = 128 << 10

    /// Steps beyond a step whose weights may be fetched: what is fetched for later ones is pushed out by the values between.
    static let horizon = 8

    /// Floats of its own weights that a step leaves to the processor: those that it reads before anything it fetches has come.
    static let lead = 12 << 10

    func apply(to steps: inout [Step]) {
        /// The first float that nobody has fetched.
        var next = 0
        for index in steps.indices {
            let begin = index > 0 ? weightEnds[index - 1] : 0
            next = max(next, begin)
            guard case .conv2d(var convolution) = steps[index].kind else { continue }
            let end = weightEnds[index]
            let most = steps[index].macs / 1000 * Int(convolution.kernel.pointee.fetches)
            if most > 0 { next = max(next, min(begin + FetchPlan.lead, end)) }
            // A step that reads its weights faster than it can fetch them leaves them to the processor.
            if next < end, most < end - next { next = end }
            let last = weightEnds[min(index + FetchPlan.horizon, weightEnds.count - 1)]
            convolution.ahead = next..<max(next, min(end + FetchPlan.window, next + most, last))
            next = convolution.ahead.upperBound
            steps[index].kind = .conv2d(convolution)
        }
    }
}
