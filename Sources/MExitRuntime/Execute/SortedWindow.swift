/// The newest values of a series, in order of size: an older one leaves for each that comes once there are `capacity`.
struct SortedWindow: Sendable {
    private let capacity: Int
    /// In the order of their coming, the oldest at `next` once it is full.
    private var values: [Double] = []
    private var sorted: [Double] = []
    private var next = 0

    init(capacity: Int) {
        self.capacity = capacity
        values.reserveCapacity(capacity)
        sorted.reserveCapacity(capacity)
    }

    var count: Int { sorted.count }

    /// The smallest value that at least a share of them does not exceed; 0 when there is none.
    func quantile(_ share: Double) -> Double {
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted.isEmpty ? 0 : sorted[max(rank, 1) - 1]
    }

    /// How many exceed a limit. Complexity: O(log count).
    func count(above limit: Double) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] <= limit { low = middle + 1 } else { high = middle }
        }
        return sorted.count - low
    }

    /// The largest; 0 when there is none.
    var largest: Double { sorted.last ?? 0 }

    /// Takes a value in, the oldest out once there are `capacity`. Complexity: O(capacity), no allocation.
    mutating func record(_ value: Double) {
        if values.count < capacity {
            values.append(value)
        } else {
            sorted.remove(at: position(of: values[next]))
            values[next] = value
            next = (next + 1) % capacity
        }
        sorted.insert(value, at: position(of: value))
    }

    /// The first place in ascending order where `value` may stand.
    private func position(of value: Double) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
