/// How precisely the elements of a tensor are kept in a file. In memory they are f32.
public enum TensorStorage: String, Hashable, Sendable, CaseIterable {
    /// IEEE 754 binary32: every bit is kept.
    case f32
    /// IEEE 754 binary16: 11 significant bits, magnitudes up to 65504.
    case f16
    /// The upper half of a binary32: 8 significant bits, its whole range.
    case bf16
    /// 8-bit integers times one f32 scale per output channel (the first dimension): symmetric, -127 ... 127.
    case int8

    var bytesPerElement: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .int8: 1
        }
    }

    /// In `mexit.Storage`.
    var number: UInt32 {
        switch self {
        case .f32: 1
        case .f16: 2
        case .bf16: 3
        case .int8: 4
        }
    }

    init?(number: UInt32) {
        guard let storage = TensorStorage.allCases.first(where: { $0.number == number }) else { return nil }
        self = storage
    }
}
