import Foundation
import MExitIR

/// An architecture as the JSON file that ``ArchitectureReference`` reads, with a line for every node of a graph.
public func architectureText(_ architecture: Architecture) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let whole = String(decoding: try encoder.encode(architecture), as: UTF8.self)
    // An object of a list begins a line. Braces within strings are text.
    var text = ""
    var isInString = false
    var isEscaped = false
    var before: Character = " "
    for character in whole {
        if !isInString, character == "{", before == "[" || before == "," { text += "\n  " }
        text.append(character)
        if isEscaped {
            isEscaped = false
        } else if character == "\\" {
            isEscaped = isInString
        } else if character == "\"" {
            isInString.toggle()
        }
        before = character
    }
    return text + "\n"
}
