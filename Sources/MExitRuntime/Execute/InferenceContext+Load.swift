import MExitIR

extension InferenceContext {
    /// Puts a sample into a slot that ``takeSlot()`` gave, ready for stage 0.
    ///
    /// - Throws: ``RuntimeError`` when the number of values is not that of the input shape, one of them is not finite, or the
    ///   slot is not taken.
    /// - Complexity: O(input), no allocation.
    public func load(_ input: Input, into slot: Int) throws {
        switch input {
        case .pixels(let pixels): try pixels.withUnsafeBufferPointer { try load(pixels: $0, into: slot) }
        case .values(let values): try values.withUnsafeBufferPointer { try load(values: $0, into: slot) }
        }
    }

    /// As ``load(_:into:)``, from bytes `[C, H, W]`, which are normalised: (byte / 255 - mean) / std of the channel.
    public func load(pixels: UnsafeBufferPointer<UInt8>, into slot: Int) throws {
        try check(count: pixels.count, slot: slot)
        let mean = model.preprocessing.mean
        let std = model.preprocessing.std
        enter()
        defer { leave() }
        forEachRow { channel, source, destination in
            let scale = 1 / (255 * std[channel])
            let shift = -mean[channel] / std[channel]
            let row = base(of: slot) + destination
            for column in 0..<model.inputShape.width { row[column] = Float(pixels[source + column]) * scale + shift }
        }
        markLoaded(slot)
    }

    /// As ``load(_:into:)``, from numbers `[C, H, W]` that are taken as they are.
    public func load(values: UnsafeBufferPointer<Float>, into slot: Int) throws {
        try check(count: values.count, slot: slot)
        if !allAreFinite(values), let bad = values.firstIndex(where: { !$0.isFinite }) {
            throw RuntimeError(.badInput, "the input's value \(bad) is \(values[bad]); all values must be finite")
        }
        enter()
        defer { leave() }
        forEachRow { _, source, destination in
            let row = base(of: slot) + destination
            for column in 0..<model.inputShape.width { row[column] = values[source + column] }
        }
        markLoaded(slot)
    }

    /// Without a branch for each value, so that the compiler makes vectors: adding one to an exponent of all ones sets the sign bit.
    private func allAreFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
        var signs: UInt32 = 0
        for value in values { signs |= (value.bitPattern & 0x7f80_0000) &+ 0x0080_0000 }
        return signs < 0x8000_0000
    }

    private func check(count: Int, slot: Int) throws {
        guard count == model.inputShape.count else {
            throw RuntimeError(.badInput, "the input has \(count) values; this model takes \(model.inputShape), \(model.inputShape.count) values")
        }
        guard slots.indices.contains(slot), slots[slot].isTaken else {
            throw RuntimeError(.badUse, "slot \(slot) is not taken; call takeSlot() first")
        }
    }

    /// Calls `body` with the channel, the offset of a row in a dense input, and its offset in a slot.
    private func forEachRow(_ body: (_ channel: Int, _ source: Int, _ destination: Int) -> Void) {
        let shape = model.inputShape
        let place = model.input
        for channel in 0..<shape.channels {
            for row in 0..<shape.height {
                body(
                    channel, (channel * shape.height + row) * shape.width,
                    place.offset + channel * Int(place.map.channel_stride) + row * Int(place.map.row_stride))
            }
        }
    }

    private func markLoaded(_ slot: Int) {
        count(slot)
        slots[slot] = SlotState(isTaken: true, isLoaded: true)
        samples += 1
    }
}
