/// The shape of one sample's value: never with a batch dimension.
///
/// Either a map `[C, H, W]` or a vector `[K]`.
public enum Shape: Hashable, Sendable {
    case map(channels: Int, height: Int, width: Int)
    case vector(Int)

    /// Channels of a map, features of a vector.
    public var channels: Int {
        switch self {
        case .map(let channels, _, _): channels
        case .vector(let count): count
        }
    }

    /// Rows; 1 for a vector.
    public var height: Int {
        switch self {
        case .map(_, let height, _): height
        case .vector: 1
        }
    }

    /// Columns; 1 for a vector.
    public var width: Int {
        switch self {
        case .map(_, _, let width): width
        case .vector: 1
        }
    }

    /// Number of elements: C x H x W, or K.
    public var count: Int { channels * height * width }

    /// `[C, H, W]` or `[K]`.
    public var dimensions: [Int] {
        switch self {
        case .map(let channels, let height, let width): [channels, height, width]
        case .vector(let count): [count]
        }
    }

    /// Elements that one value may have at most: keeps every product of sizes inside `Int`, and every dimension inside the
    /// 32-bit integers that kernels take.
    public static let maximumCount = Int(Int32.max)

    /// - Throws: ``GraphError`` when there are not 1 or 3 dimensions, one is below 1, or the product is over
    ///   ``maximumCount``.
    public init(dimensions: [Int]) throws {
        guard dimensions.allSatisfy({ $0 >= 1 }), Shape.product(dimensions) != nil else {
            throw GraphError(
                .badShape, "shape \(dimensions.shortened) is not possible: every dimension must be at least 1 and the product at most \(Shape.maximumCount)")
        }
        switch dimensions.count {
        case 1: self = .vector(dimensions[0])
        case 3: self = .map(channels: dimensions[0], height: dimensions[1], width: dimensions[2])
        default:
            throw GraphError(.badShape, "shape \(dimensions.shortened) has \(dimensions.count) dimensions; a value is [C, H, W] or [K]")
        }
    }

    /// The product, or nil when it exceeds ``maximumCount``.
    static func product(_ dimensions: [Int]) -> Int? {
        var product = 1
        for dimension in dimensions {
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            if overflow || next > maximumCount || next < 0 { return nil }
            product = next
        }
        return product
    }
}

extension Shape: CustomStringConvertible {
    public var description: String { dimensions.map(String.init).joined(separator: "x") }
}
