/// One sample to classify, in the order of the model's input shape (`[C, H, W]` row-major, channels first).
public enum Input: Hashable, Sendable {
    /// Bytes of a picture, C x H x W of them; normalised as the model was trained: (value / 255 - mean) / std.
    case pixels([UInt8])
    /// Numbers that are taken as they are.
    case values([Float])
}
