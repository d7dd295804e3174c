import CMExitKernels
import MExitIR

/// One kernel call of a compiled model, for those who show or measure it.
package struct StepDescription: Sendable {
    package let stage: Int
    /// The graph node whose value the step computes (of a fused convolution, the last one), or helps to compute.
    package let node: String
    /// What is computed: the graph's word, or "copy" for the part of a concat that placement could not spare, "placed" for
    /// what costs nothing because its inputs already lie where they belong, "clear halo" where memory was used otherwise before.
    package let operation: String
    /// What runs: the kernel's or function's name; "none" where nothing does.
    package let kernel: String
    /// Shapes of the map read first, and of the one written, `[C, H, W]`.
    package let input: [Int]
    package let output: [Int]
    /// Graph operations that are done with this step, and its multiply-adds, for one sample.
    package let operations: Int
    package let macs: Int
    /// Shapes and layouts of a convolution.
    package let convolution: mexit_conv2d?

    init(_ step: Step, stage: Int, graph: Graph) {
        self.stage = stage
        node = graph.nodes[step.node].name
        (operation, kernel) = StepDescription.names(of: step.kind)
        input = StepDescription.dimensions(step.x.map)
        output = StepDescription.dimensions(step.y.map)
        operations = step.operations
        macs = step.macs
        if case .conv2d(let convolution) = step.kind { self.convolution = convolution.shape } else { convolution = nil }
    }

    private static func dimensions(_ map: mexit_map) -> [Int] { [Int(map.channels), Int(map.height), Int(map.width)] }

    private static func names(of kind: Step.Kind) -> (operation: String, kernel: String) {
        switch kind {
        case .conv2d(let convolution): ("conv2d", String(cString: convolution.kernel.pointee.name))
        case .linear: ("linear", "mexit_linear_f32")
        case .scaleShift: ("batchNorm", "mexit_scale_shift_f32")
        case .unary: ("activation", "mexit_unary_f32")
        case .add: ("add", "mexit_add_f32")
        case .copy: ("copy", "mexit_unary_f32")
        case .clearHalo: ("clear halo", "mexit_clear_halo_f32")
        case .nothing: ("placed", "none")
        case .maxPool: ("maxPool", "mexit_max_pool2d_f32")
        case .averagePool: ("averagePool", "mexit_avg_pool2d_f32")
        case .globalAveragePool: ("globalAveragePool", "mexit_global_avg_pool_f32")
        case .flatten: ("flatten", "mexit_flatten_f32")
        case .upsample: ("upsample", "mexit_upsample_nearest_f32")
        case .resize: ("resize", "mexit_resize_bilinear_f32")
        }
    }
}

extension CompiledModel {
    /// What runs, in order: the steps of stage 0, then of stage 1, and so on. Complexity: O(steps).
    package var stepDescriptions: [StepDescription] {
        (0..<stageCount).flatMap { stage in
            steps(ofStage: stage).map { StepDescription($0, stage: stage, graph: graph) }
        }
    }
}
