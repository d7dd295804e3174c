/// The sum of the newest values of a series.
struct SumWindow: Sendable {
    private let capacity: Int
    private var values: [Double] = []
    private var next = 0
    /// Of whole numbers far below 2^53 it is exact: nothing is lost by adding and taking away.
    private(set) var sum = 0.0

    init(capacity: Int) {
        self.capacity = capacity
        values.reserveCapacity(capacity)
    }

    /// Takes a value in, the oldest out once there are `capacity`. Complexity: O(1), no allocation.
    mutating func record(_ value: Double) {
        sum += value
        if values.count < capacity {
            values.append(value)
        } else {
            sum -= values[next]
            values[next] = value
            next = (next + 1) % capacity
        }
    }
}
