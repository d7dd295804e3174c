import CMExitProto

/// The packed `mexit.TrainingState`.
enum TrainingStateMessage {
    /// What the message holds beside the model; tensors are filled in from the segments.
    struct Rest {
        var tensors: [String: TrainingState.Tensor] = [:]
        var counters: [String: UInt64] = [:]
        var numbers: [String: Double] = [:]
        var texts: [String: String] = [:]
    }

    static func pack(_ state: TrainingState) throws -> [UInt8] {
        let arena = ProtoArena()
        let model = try ModelDescription(state.model).message(arena: arena)
        let counters = try sorted(state.counters, "a counter").map { name, value in
            arena.make(mexit__counter__init) {
                $0.name = arena.string(name)
                $0.value = value
            } as UnsafeMutablePointer<Mexit__Counter>?
        }
        let numbers = try sorted(state.numbers, "a number").map { name, value in
            arena.make(mexit__number__init) {
                $0.name = arena.string(name)
                $0.value = value
            } as UnsafeMutablePointer<Mexit__Number>?
        }
        let texts = try sorted(state.texts, "a text").map { name, value in
            try TextRules.checkText(value, "text '\(name)'")
            return arena.make(mexit__text__init) {
                $0.name = arena.string(name)
                $0.value = arena.string(value)
            } as UnsafeMutablePointer<Mexit__Text>?
        }
        let message = arena.make(mexit__training_state__init) {
            $0.model = model
            $0.n_counters = counters.count
            $0.counters = arena.array(counters)
            $0.n_numbers = numbers.count
            $0.numbers = arena.array(numbers)
            $0.n_texts = texts.count
            $0.texts = arena.array(texts)
        }
        return withExtendedLifetime(arena) {
            packed(mexit__training_state__get_packed_size(message)) { mexit__training_state__pack(message, $0) }
        }
    }

    static func unpack(_ bytes: [UInt8]) throws -> (ModelDescription, Rest) {
        try UnpackBudget.withAllocator { allocator in
            guard let message = bytes.withUnsafeBufferPointer({ mexit__training_state__unpack(allocator, $0.count, $0.baseAddress) }) else {
                throw CheckpointError(.malformed, "its content is no mexit.TrainingState, or takes over \(UnpackBudget.bytes) bytes of memory")
            }
            defer { mexit__training_state__free_unpacked(message, allocator) }
            try WireTexts.check(bytes[...], as: message.pointee.base.descriptor)
            guard let model = message.pointee.model else { throw CheckpointError(.malformed, "the training state's model is missing") }
            var rest = Rest()
            for case let counter? in repeated(message.pointee.counters, message.pointee.n_counters) {
                try insert(counter.pointee.value, counter.pointee.name, into: &rest.counters, "a counter")
            }
            for case let number? in repeated(message.pointee.numbers, message.pointee.n_numbers) {
                try insert(number.pointee.value, number.pointee.name, into: &rest.numbers, "a number")
            }
            for case let text? in repeated(message.pointee.texts, message.pointee.n_texts) {
                try insert(try decodedText(text.pointee.value, "a text"), text.pointee.name, into: &rest.texts, "a text")
            }
            return (try ModelDescription(decoding: model.pointee), rest)
        }
    }

    private static func sorted<Value>(_ values: [String: Value], _ what: String) throws -> [(key: String, value: Value)] {
        try values.keys.forEach { try TextRules.checkName($0, what) }
        return values.sorted { TextRules.precedes($0.key, $1.key) }
    }

    private static func insert<Value>(
        _ value: Value, _ pointer: UnsafePointer<CChar>?, into values: inout [String: Value], _ what: String
    ) throws {
        let name = try decodedName(pointer, what)
        guard values.updateValue(value, forKey: name) == nil else { throw CheckpointError(.malformed, "\(what) named '\(name)' is there twice") }
    }
}
