import Foundation
import MExitServing

/// ndjson, from the client's side.
struct NDJSONWire: LoadWire {
    /// Per sample, what stands behind the id.
    private var rests: [[UInt8]] = []

    mutating func ready(_ input: inout InputBytes) throws -> LoadReady? {
        guard let members = try line(&input) else { return nil }
        guard members.text("type") == "ready" else { throw LoadError("the server's first line is no 'ready' line") }
        return LoadReady(
            model: members.text("model") ?? "", shape: members.member("input")?.members?.numbers("shape") ?? [],
            classes: members.texts("classes"))
    }

    mutating func prepare(_ samples: LoadSamples, deadline: Double?) {
        let options = deadline.map { ",\"deadline_ms\":\($0)" } ?? ""
        rests = samples.tensors.map { Array(",\"tensor\":\"\(Data($0).base64EncodedString())\",\"dtype\":\"u8\"\(options)}\n".utf8) }
    }

    func append(id: Int, sample index: Int, to out: inout [UInt8]) {
        out.append(contentsOf: "{\"id\":\(id)".utf8)
        out.append(contentsOf: rests[index])
    }

    /// Looks for the few members that count, where they stand: to parse all of an answer would take the processor from the
    /// server. An unescaped quote does not stand inside a text, so `"exit":` is nothing but a key.
    mutating func answer(_ input: inout InputBytes) throws -> LoadAnswer? {
        guard let length = input.lineLength else { return nil }
        defer { input.use(length + 1) }
        return try input.withUnused(length) { line in
            guard let id = line.integer("\"id\":") else {
                throw LoadError("an answer has no id of ours: \(String(decoding: line.bytes.prefix(200), as: UTF8.self))")
            }
            let type = line.text("\"type\":")
            guard type == "result" else { return LoadAnswer(id: id, code: line.text("\"code\":") ?? type ?? "") }
            let result = LoadAnswer.Result(
                label: line.integer("\"label\":") ?? -1, exit: line.integer("\"exit\":") ?? -1, macs: line.integer("\"macs\":") ?? 0,
                macsSaved: line.integer("\"macs_saved\":") ?? 0, compute: Int64((line.number("\"compute_ms\":") ?? 0) * 1e6), isLate: line.holds("\"late\":true"))
            return LoadAnswer(id: id, result: result)
        }
    }

    /// The members of the next line's object.
    private func line(_ input: inout InputBytes) throws -> [JSONMember]? {
        guard let length = input.lineLength else { return nil }
        defer { input.use(length + 1) }
        let line = Array(input.unused.prefix(length))
        do {
            guard let members = try JSONParser.parse(line).members else { throw LoadError("the server wrote JSON that is no object") }
            return members
        } catch let error as JSONSyntaxError {
            throw LoadError("the server wrote a line that is not JSON: \(error)")
        }
    }
}

extension JSON {
    fileprivate var members: [JSONMember]? { if case .object(let members) = self { members } else { nil } }
    fileprivate var text: String? { if case .string(let text) = self { text.string } else { nil } }
    fileprivate var number: Double? { if case .number(let digits) = self { Double(String(decoding: digits, as: UTF8.self)) } else { nil } }
}

extension [JSONMember] {
    fileprivate func member(_ key: String) -> JSON? { first { $0.key == key }?.value }
    fileprivate func text(_ key: String) -> String? { member(key)?.text }
    fileprivate func numbers(_ key: String) -> [Int] {
        guard case .array(let elements)? = member(key) else { return [] }
        return elements.compactMap { $0.number.flatMap { Int(exactly: $0) } }
    }
    fileprivate func texts(_ key: String) -> [String] {
        guard case .array(let elements)? = member(key) else { return [] }
        return elements.compactMap(\.text)
    }
}
