/// How often and how strongly the gradients of each pair of exits conflict, per block of the network.
///
/// Counted per tensor and step, whatever the scope of the deconfliction, so that scopes can be compared. A tensor counts for a
/// pair when both exits reach it and neither gradient is zero.
public struct ConflictStatistics: Hashable, Sendable {
    public struct Pair: Hashable, Sendable {
        /// Indices of the exits, the shallower first.
        public var first: Int
        public var second: Int
        /// Tensors seen, summed over steps.
        public var seen = 0
        /// Those whose inner product was negative.
        public var conflicts = 0
        var cosines = 0.0

        /// Share of tensors in conflict, 0 ... 1; 0 when none was seen.
        public var rate: Double { seen == 0 ? 0 : Double(conflicts) / Double(seen) }
        /// Mean cosine of the angle between the two gradients, -1 ... 1; 0 when none was seen.
        public var meanCosine: Double { seen == 0 ? 0 : cosines / Double(seen) }
    }

    public struct Block: Hashable, Sendable {
        public let name: String
        /// Every pair of exits that both reach some tensor of the block, in ascending order.
        public internal(set) var pairs: [Pair]
    }

    /// Blocks that at least two exits reach, in the order of the network.
    public private(set) var blocks: [Block]
    /// By block, the place of a pair in `pairs`.
    private var places: [[[Int]: Int]]

    /// - Parameter blocks: name of each block and, for each of its tensors, the exits that reach it.
    init(blocks: [(name: String, reaches: [[Int]])]) {
        self.blocks = []
        places = []
        for block in blocks {
            var pairs = Set<[Int]>()
            for exits in block.reaches {
                for (position, first) in exits.enumerated() {
                    for second in exits[(position + 1)...] { pairs.insert([first, second]) }
                }
            }
            let sorted = pairs.sorted { $0.lexicographicallyPrecedes($1) }
            self.blocks.append(Block(name: block.name, pairs: sorted.map { Pair(first: $0[0], second: $0[1]) }))
            places.append(Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) }))
        }
    }

    /// Places in `blocks[block].pairs` of the pairs (0,1), (0,2) ... of these exits, for ``add(_:block:places:)``.
    func places(of exits: [Int], block: Int) -> [Int] {
        exits.indices.flatMap { position in
            exits[(position + 1)...].compactMap { places[block][[exits[position], $0]] }
        }
    }

    /// Counts one tensor in one step.
    mutating func add(_ gram: GramMatrix, block: Int, places: [Int]) {
        var next = 0
        for i in 0..<gram.size {
            for j in (i + 1)..<max(gram.size, i + 1) {
                let place = places[next]
                next += 1
                guard let cosine = gram.cosine(i, j) else { continue }
                blocks[block].pairs[place].seen += 1
                if gram[i, j] < 0 { blocks[block].pairs[place].conflicts += 1 }
                blocks[block].pairs[place].cosines += cosine
            }
        }
    }

    /// All counts that are not 0, by a name of block and pair.
    var counts: (whole: [String: UInt64], cosines: [String: Double]) {
        var (whole, cosines): ([String: UInt64], [String: Double]) = ([:], [:])
        for (block, entry) in blocks.enumerated() {
            for pair in entry.pairs where pair.seen > 0 {
                let name = "conflicts/\(block)/\(pair.first)-\(pair.second)"
                whole[name + "/seen"] = UInt64(pair.seen)
                whole[name + "/conflicts"] = UInt64(pair.conflicts)
                cosines[name + "/cosines"] = pair.cosines
            }
        }
        return (whole, cosines)
    }

    /// Takes over what ``counts`` gave; counts that are absent or impossible are 0.
    mutating func restore(whole: [String: UInt64], cosines: [String: Double]) {
        reset()
        for block in blocks.indices {
            for place in blocks[block].pairs.indices {
                let pair = blocks[block].pairs[place]
                let name = "conflicts/\(block)/\(pair.first)-\(pair.second)"
                guard let seen = whole[name + "/seen"], let conflicts = whole[name + "/conflicts"], let sum = cosines[name + "/cosines"],
                    conflicts <= seen, seen < 1 << 40, sum.isFinite
                else { continue }
                blocks[block].pairs[place].seen = Int(seen)
                blocks[block].pairs[place].conflicts = Int(conflicts)
                blocks[block].pairs[place].cosines = sum
            }
        }
    }

    /// Forgets all counts.
    mutating func reset() {
        for block in blocks.indices {
            for place in blocks[block].pairs.indices {
                let pair = blocks[block].pairs[place]
                blocks[block].pairs[place] = Pair(first: pair.first, second: pair.second)
            }
        }
    }
}
