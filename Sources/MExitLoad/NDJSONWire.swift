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

    mutating func answer(_ input: inout InputBytes) throws -> LoadAnswer? {
        guard let members = try line(&input) else { return nil }
        guard let id = members.integer("id") else { throw LoadError("an answer has no id of ours: \(members.text("message") ?? "no message")") }
        guard members.text("type") == "result" else { return LoadAnswer(id: id, code: members.text("code") ?? members.text("type") ?? "") }
        let result = LoadAnswer.Result(
            label: members.integer("label") ?? -1, exit: members.integer("exit") ?? -1, macs: members.integer("macs") ?? 0,
            macsSaved: members.integer("macs_saved") ?? 0, compute: Int64((members.number("compute_ms") ?? 0) * 1e6),
            isLate: members.flag("late") ?? false)
        return LoadAnswer(id: id, result: result)
    }

    /// The members of the next line's object.
    private func line(_ input: inout InputBytes) throws -> [JSONMember]? {
        guard let end = input.unused.firstIndex(of: 0x0A) else { return nil }
        let line = Array(input.unused[..<end])
        input.use(line.count + 1)
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
    fileprivate func number(_ key: String) -> Double? { member(key)?.number }
    fileprivate func integer(_ key: String) -> Int? { number(key).flatMap { Int(exactly: $0) } }
    fileprivate func flag(_ key: String) -> Bool? { if case .bool(let flag)? = member(key) { flag } else { nil } }
    fileprivate func numbers(_ key: String) -> [Int] {
        guard case .array(let elements)? = member(key) else { return [] }
        return elements.compactMap { $0.number.flatMap { Int(exactly: $0) } }
    }
    fileprivate func texts(_ key: String) -> [String] {
        guard case .array(let elements)? = member(key) else { return [] }
        return elements.compactMap(\.text)
    }
}
