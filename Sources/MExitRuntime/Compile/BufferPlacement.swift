/// Gives buffers with known lifetimes their places in one block of memory.
///
/// Buffers are taken in some order, each to the lowest place that is free for all of its life: first fit. No order is best for
/// all networks, so a few are tried. Zeroing halos costs time in every run, so a placement that spares it wins as long as it
/// takes little more memory than the smallest.
enum BufferPlacement {
    typealias Buffer = MemoryPlan.Buffer

    /// What a placement may do to save memory.
    private enum Sharing: CaseIterable {
        /// Memory whose halos are read belongs to one layout for good: nothing is ever zeroed.
        case withinLayouts
        /// The same for values that the next operations use up, such as bottlenecks: there are many, and they find room again in
        /// the memory of the last.
        case temporariesWithinLayouts
        /// Every buffer starts at a multiple of its plane, so that buffers of one geometry find each other's zeros.
        case alignedPlanes
        case anywhere
    }

    /// How much more memory than the smallest placement one that zeroes fewer halos may take.
    private static let allowance = 1.25

    /// Sets the offsets; returns the floats needed.
    ///
    /// - Throws: ``RuntimeError`` when that is more than any machine has.
    /// - Complexity: O(buffers^2).
    static func place(_ buffers: inout [Buffer]) throws -> Int {
        let keys: [(Buffer) -> Int] = [
            { -$0.floats },
            { -$0.floats * min($0.lastRead - $0.firstWrite + 1, 1 << 10) },
            { $0.firstWrite },
        ]
        var trials: [(floats: Int, cleared: Int, buffers: [Buffer])] = []
        // Each trial takes time with the square of the number: one is enough for thousands of buffers.
        let isHuge = buffers.count > 2000
        for key in isHuge ? Array(keys.prefix(1)) : keys {
            let order = sorted(buffers, by: key)
            for sharing in isHuge ? [Sharing.alignedPlanes] : Sharing.allCases {
                var trial = buffers
                let floats = try firstFit(&trial, order, sharing)
                let cleared = dirty(trial).reduce(0) { $0 + trial[$1].zeros.count * trial[$1].geometry.height }
                trials.append((floats, cleared, trial))
            }
        }
        let least = Double(trials.map(\.floats).min() ?? 0)
        let chosen = trials.filter { Double($0.floats) <= allowance * least }.min { ($0.cleared, $0.floats) < ($1.cleared, $1.floats) }
        guard let chosen else { return 0 }
        buffers = chosen.buffers
        return chosen.floats
    }

    private static func sorted(_ buffers: [Buffer], by key: (Buffer) -> Int) -> [Int] {
        let keys = buffers.map(key)
        return buffers.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
    }

    private static func firstFit(_ buffers: inout [Buffer], _ order: [Int], _ sharing: Sharing) throws -> Int {
        /// Indices of what is placed, by offset.
        var placed: [Int] = []
        var floats = 0
        for index in order {
            let buffer = buffers[index]
            let grain = sharing == .anywhere ? 16 : max(buffer.plane, 16)
            var offset = 0
            for other in placed {
                let rival = buffers[other]
                let meets = rival.firstWrite <= buffer.lastRead && buffer.firstWrite <= rival.lastRead
                let spoils = rival.geometry != buffer.geometry && (keeps(rival, sharing) || keeps(buffer, sharing))
                guard meets || spoils else { continue }
                if offset + buffer.floats <= rival.offset { break }
                offset = max(offset, (rival.offset + rival.floats + grain - 1) / grain * grain)
            }
            guard offset + buffer.floats <= MemoryPlan.maximumFloats else { throw MemoryPlan.tooLarge }
            buffers[index].offset = offset
            floats = max(floats, offset + buffer.floats)
            var (low, high) = (0, placed.count)
            while low < high {
                let middle = (low + high) / 2
                if buffers[placed[middle]].offset <= offset { low = middle + 1 } else { high = middle }
            }
            placed.insert(index, at: low)
        }
        return floats
    }

    /// Whether the memory of a buffer is for its layout alone.
    private static func keeps(_ buffer: Buffer, _ sharing: Sharing) -> Bool {
        switch sharing {
        case .withinLayouts: !buffer.zeros.isEmpty
        case .temporariesWithinLayouts: !buffer.zeros.isEmpty && buffer.lastRead - buffer.firstWrite <= 16
        case .alignedPlanes, .anywhere: false
        }
    }

    /// The layout that some memory's halos are zero for.
    private enum Zeros: Hashable {
        case untouched
        case of(MemoryPlan.Geometry, phase: Int)
        case none
    }

    /// Buffers (indices, in the order of their first writes) whose halos are read, and may not be zero when they are first
    /// written.
    ///
    /// Samples follow each other in a slot and leave at any exit, so before the first write of a run, memory counts as zero for
    /// a layout only if no buffer of another layout ever uses it.
    static func dirty(_ buffers: [Buffer]) -> [Int] {
        func zeros(_ buffer: Buffer) -> (begin: Int, end: Int) {
            (buffer.offset + buffer.zeros.lowerBound * buffer.plane, buffer.offset + buffer.zeros.upperBound * buffer.plane)
        }
        let borders = Array(Set(buffers.flatMap { [$0.offset, $0.offset + $0.floats, zeros($0).begin, zeros($0).end] })).sorted()
        let number = Dictionary(uniqueKeysWithValues: borders.enumerated().map { ($1, $0) })
        func parts(_ begin: Int, _ end: Int) -> Range<Int> { (number[begin] ?? 0)..<(number[end] ?? 0) }
        func parts(of buffer: Buffer) -> Range<Int> { parts(buffer.offset, buffer.offset + buffer.floats) }
        func own(_ buffer: Buffer) -> Zeros { .of(buffer.geometry, phase: buffer.offset % max(buffer.plane, 1)) }
        var state = [Zeros](repeating: .untouched, count: borders.count)
        for buffer in buffers {
            for part in parts(of: buffer) { state[part] = state[part] == .untouched || state[part] == own(buffer) ? own(buffer) : .none }
        }
        var found: [Int] = []
        for index in buffers.indices.sorted(by: { (buffers[$0].firstWrite, $0) < (buffers[$1].firstWrite, $1) }) {
            let buffer = buffers[index]
            for part in parts(of: buffer) where state[part] != own(buffer) { state[part] = .none }
            let read = parts(zeros(buffer).begin, zeros(buffer).end)
            guard !read.allSatisfy({ state[$0] == own(buffer) }) else { continue }
            found.append(index)
            for part in read { state[part] = own(buffer) }
        }
        return found
    }
}
