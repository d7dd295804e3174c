import CMExitKernels

/// Which steps must be done before another starts: those that write what it reads, and, as values share memory over time, those
/// that read or write what it overwrites.
struct StepNeeds {
    /// What a step reads and writes, as floats of the slot.
    private struct Access {
        var reads: [Range<Int>] = []
        var write: Range<Int>

        init(_ step: Step) {
            reads.append(StepNeeds.range(step.x))
            write = StepNeeds.range(step.y)
            switch step.kind {
            case .conv2d(let convolution): if let add = convolution.add { reads.append(StepNeeds.range(add)) }
            case .add(let second, _): reads.append(StepNeeds.range(second))
            default: break
            }
        }

        func conflicts(with earlier: Access) -> Bool {
            write.overlaps(earlier.write) || reads.contains { $0.overlaps(earlier.write) }
                || earlier.reads.contains { $0.overlaps(write) }
        }
    }

    /// For each step of a stage, how many of the stage's first steps must be done. Complexity: O(steps^2) at worst; most steps
    /// need one of the last few.
    static func counts(_ steps: ArraySlice<Step>) -> [Int32] {
        let accesses = steps.map(Access.init)
        return accesses.indices.map { index in
            Int32((accesses[..<index].lastIndex { accesses[index].conflicts(with: $0) } ?? -1) + 1)
        }
    }

    /// All planes of a map, halos included.
    private static func range(_ place: MemoryPlan.Place) -> Range<Int> {
        var map = place.map
        let start = place.offset - Int(mexit_map_origin(&map))
        return start..<start + Int(mexit_map_floats(&map))
    }
}
