import CMExitKernels
import MExitIR

extension Assembly {
    func addForward(_ resize: Resize, node index: Int) {
        let input = plan.inputs(of: index)[0]
        let (x, y, xm, ym) = (values.rows(input), values.rows(index), map(input), map(index))
        bothForward(
            Step { chunk in
                mexit_resize_bilinear_f32(
                    xm, ym, resize.alignsCorners, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n)
            })
    }

    func addBackward(_ resize: Resize, node index: Int) throws {
        let input = plan.inputs(of: index)[0]
        let (xm, ym) = (map(input), map(index))
        let pairs = try backwardPairs(of: index, input: input)
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_resize_bilinear_backward_f32(
                        xm, ym, resize.alignsCorners, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n,
                        dx.accumulate)
                }
            })
    }
}
