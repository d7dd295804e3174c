import Testing

@testable import MExitLoad

@Suite struct AnswerLineTests {
    private func line<Result>(_ text: String, _ body: (AnswerLine) throws -> Result) rethrows -> Result {
        try Array((text + "\n").utf8).withUnsafeBytes { try body(AnswerLine(bytes: UnsafeRawBufferPointer(rebasing: $0.dropLast()))) }
    }

    @Test func findsMembersByTheirKeys() {
        line(#"{"type":"result","id":17,"exit":2,"confidence":0.25,"macs":30,"macs_saved":12,"late":true}"#) {
            #expect($0.text("\"type\":") == "result")
            #expect($0.integer("\"id\":") == 17)
            #expect($0.integer("\"macs_saved\":") == 12)
            #expect($0.number("\"confidence\":") == 0.25)
            #expect($0.integer("\"confidence\":") == nil)
            #expect($0.holds("\"late\":true") && !$0.holds("\"late\":false"))
            #expect($0.integer("\"label\":") == nil)
            #expect($0.text("\"id\":") == nil)
        }
    }

    /// Names of classes are the user's: one that looks like a key is none, since the quotes in it are escaped.
    @Test func namesThatLookLikeKeysAreNone() {
        line(#"{"class":"\"id\":5,\"exit\":6","id":17,"exit":2}"#) {
            #expect($0.integer("\"id\":") == 17)
            #expect($0.integer("\"exit\":") == 2)
        }
    }

    @Test func endsWhereTheLineEnds() {
        line(#"{"id"#) { #expect($0.integer("\"id\":") == nil) }
        line(#"{"id":"#) { #expect($0.integer("\"id\":") == nil) }
        line("") { #expect($0.integer("\"id\":") == nil) }
        line(#"{"code":"over"#) { #expect($0.text("\"code\":") == "over") }
    }
}
