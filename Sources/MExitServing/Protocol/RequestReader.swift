/// Typed access to an object's members; every mismatch is a ``RequestError`` that names the field.
struct RequestReader {
    let members: [JSONMember]
    /// How errors call the object: "" for the request itself, "policy.", "batch[3].".
    let prefix: String

    init(_ members: [JSONMember], prefix: String = "") {
        self.members = members
        self.prefix = prefix
    }

    /// nil when the member is missing or null.
    subscript(key: String) -> JSON? {
        guard let member = members.first(where: { $0.key == key }) else { return nil }
        if case .null = member.value { return nil }
        return member.value
    }

    func wrong(_ key: String, _ value: JSON, _ rule: String) -> RequestError {
        RequestError(.badRequest, "'\(prefix)\(key)' is \(value.kind); \(rule)")
    }

    func text(_ key: String) throws -> JSONText? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value else { throw wrong(key, value, "it must be a string") }
        return text
    }

    func string(_ key: String) throws -> String? { try text(key)?.string }

    func bool(_ key: String) throws -> Bool? {
        guard let value = self[key] else { return nil }
        guard case .bool(let bool) = value else { throw wrong(key, value, "it must be true or false") }
        return bool
    }

    /// A finite number.
    func number(_ key: String) throws -> Double? { try self[key].map { try number($0, key) } }

    func number(_ value: JSON, _ key: String) throws -> Double {
        guard case .number(let digits) = value else { throw wrong(key, value, "it must be a number") }
        let text = String(decoding: digits.prefix(64), as: UTF8.self)
        guard digits.count <= 64, let number = Double(text), number.isFinite else {
            throw RequestError(.badRequest, "'\(prefix)\(key)' is \(text); it must be a number that a double can hold")
        }
        return number
    }

    /// A whole number within a range; `3.0` and `3e0` count as whole.
    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let number = try number(key) else { return nil }
        guard let integer = Int(exactly: number), range.contains(integer) else {
            throw RequestError(.badRequest, "'\(prefix)\(key)' is \(number); it must be a whole number, \(range.lowerBound) ... \(range.upperBound)")
        }
        return integer
    }

    func array(_ key: String) throws -> [JSON]? {
        guard let value = self[key] else { return nil }
        guard case .array(let elements) = value else { throw wrong(key, value, "it must be an array") }
        return elements
    }

    func object(_ key: String) throws -> RequestReader? {
        guard let value = self[key] else { return nil }
        guard case .object(let members) = value else { throw wrong(key, value, "it must be an object") }
        return RequestReader(members, prefix: "\(prefix)\(key).")
    }
}
