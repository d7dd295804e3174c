import CMExitKernels
import MExitIR

extension Assembly {
    private func pool(_ pool: Pool2D, node index: Int) throws -> UnsafePointer<mexit_pool2d> {
        try keep.constant(
            mexit_pool2d(
                kernel_h: Int32(pool.kernel), kernel_w: Int32(pool.kernel), stride_h: Int32(pool.stride),
                stride_w: Int32(pool.stride), pad_h: Int32(pool.padding), pad_w: Int32(pool.padding),
                count_include_pad: pool.countIncludesPadding, x: map(plan.inputs(of: index)[0]).pointee, y: map(index).pointee))
    }

    /// Forward writes where each maximum stood, backward reads it: both steps are made together.
    ///
    /// - Returns: what adds the backward step, to be called when the backward sweep comes to the node.
    func addForwardMaxPool(_ operation: Pool2D, node index: Int) throws -> () throws -> Void {
        let pool = try pool(operation, node: index)
        let input = plan.inputs(of: index)[0]
        let count = graph.shapes[index].count
        let places = try keep.allocate(Int32.self, count: count * batch)
        let table = try keep.allocate(UnsafeMutablePointer<Int32>?.self, count: batch)
        for sample in 0..<batch { table[sample] = places + sample * count }
        let (x, y) = (values.rows(input), values.rows(index))
        addForward(
            Step { chunk in
                mexit_max_pool2d_f32(
                    pool, x.reading(from: chunk.first), y.mutable(from: chunk.first), UnsafePointer(table + chunk.first), chunk.n)
            })
        addEvaluation(
            Step { chunk in
                mexit_max_pool2d_f32(pool, x.reading(from: chunk.first), y.mutable(from: chunk.first), nil, chunk.n)
            })
        return { [self] in
            let pairs = try backwardPairs(of: index, input: input)
            addBackward(
                Step { chunk in
                    let argmax = UnsafeRawPointer(table + chunk.first).assumingMemoryBound(to: UnsafePointer<Int32>?.self)
                    for (dy, dx) in pairs {
                        mexit_max_pool2d_backward_f32(
                            pool, dy.reading(from: chunk.first), argmax, dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                    }
                })
        }
    }

    func addForwardAveragePool(_ operation: Pool2D, node index: Int) throws {
        let pool = try pool(operation, node: index)
        let (x, y) = (values.rows(plan.inputs(of: index)[0]), values.rows(index))
        bothForward(
            Step { chunk in mexit_avg_pool2d_f32(pool, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n) })
    }

    func addBackwardAveragePool(_ operation: Pool2D, node index: Int) throws {
        let pool = try pool(operation, node: index)
        let pairs = try backwardPairs(of: index, input: plan.inputs(of: index)[0])
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_avg_pool2d_backward_f32(
                        pool, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                }
            })
    }

    func addForwardGlobalAveragePool(node index: Int) {
        let input = plan.inputs(of: index)[0]
        let (x, y, xm, ym) = (values.rows(input), values.rows(index), map(input), map(index))
        bothForward(
            Step { chunk in
                mexit_global_avg_pool_f32(xm, ym, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n)
            })
    }

    func addBackwardGlobalAveragePool(node index: Int) throws {
        let input = plan.inputs(of: index)[0]
        let (xm, ym) = (map(input), map(index))
        let pairs = try backwardPairs(of: index, input: input)
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_global_avg_pool_backward_f32(
                        xm, ym, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                }
            })
    }
}
