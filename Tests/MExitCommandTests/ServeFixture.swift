import Foundation
import MExitCheckpoint
import MExitIR
import Testing
import _MExitTestSupport

/// A model file, requests and photographs for the tests of mexit-serve.
enum ServeFixture {
    /// Random numbers in the shape of the smallest preset: five exits, 3x32x32, ten classes.
    static let model: Result<(path: String, model: Model), any Error> = Result {
        let policy = NamedPolicy(name: "all-late", measure: "confidence", thresholds: [2, 2, 2, 2])
        let model = try randomModel(Architectures.preset(named: "msdnet-tiny").graph(classes: 10), seed: 3, policies: [policy])
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-serve-\(UUID().uuidString).mexit").path
        try Checkpoint.write(model, to: path)
        return (path, model)
    }

    /// A server that has said it is ready.
    static func start(_ arguments: [String] = []) throws -> (child: ChildProcess, ready: [String: Any]) {
        let child = try ChildProcess("mexit-serve", [try model.get().path, "--quiet", "--threads", "1"] + arguments)
        return (child, try object(try child.readLine()))
    }

    /// Runs a server over a whole input.
    static func answers(_ lines: [String], _ arguments: [String] = []) throws -> [[String: Any]] {
        let (child, _) = try start(arguments)
        child.sendInBackground(Array(lines.map { $0 + "\n" }.joined().utf8))
        let answers = try child.readLines().map { try object($0) }
        #expect(try child.wait() == 0, "\(child.errorText)")
        return answers
    }

    static func object(_ line: String?) throws -> [String: Any] {
        let line = try #require(line, "the output ended")
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "no object: \(line)")
    }

    /// A request with a tensor of random bytes.
    static func tensor(_ id: Int, seed: UInt64 = 1, _ more: String = "") -> String {
        var generator = SeededGenerator(seed: seed &* 1000 &+ UInt64(id))
        let bytes = (0..<3072).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return #"{"id":\#(id),"tensor":"\#(Data(bytes).base64EncodedString())","dtype":"u8"\#(more.isEmpty ? "" : "," + more)}"#
    }

    /// The folder of committed photographs.
    static let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("models/samples")

    static func jpeg() throws -> [UInt8] { Array(try Data(contentsOf: samples.appendingPathComponent("cat-1.jpg"))) }

    /// 16 x 16 pixels.
    static let png =
        "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAB9UlEQVR42g3KkaLsQAwA0ODFwcXBxWAxWAwWg8VgMVgMFoPF4OLg4uDi4MP5hNfDBwCgwF+FgvAiqAxvAVRYDMhhDeCErYF02AfohOPpf6WUWl5YKpU3F5SyaCErqxeOsmWRVvZedJRjFgOoT3/VWrG+qSLXRSppXa2y1y2qZN1b1V6PUW3WEwBfBZ/+RkTChZEEV0U23BwlcE/UhkdHG3hOdACqhd6Vnr4QEdMqxEqbkTjtQZp0NLJO5yCfdAHwuzBWXpCfvjKz8KYsxruzBh/J1vjs7IOvyQEgWGSpQigrydM3EVHZTdTlCLGUs4l3uYbElBtAl6JUdUVl0o316buqmh6uFnqmetOrawy9pyaAUbG1GqNtZMK2iz39MDO3M8zTrmbR7R6W0z4Avhbn6hu6kO/sKn6oP/109/ArPZrf3XP4Z3oDCC6x1RCMnUI5DgnTOC2efkVExt0ie3xGtBlfgNxKSs0dUykPTpM8Nd3y8nz6nZktPz3byO/MDtCktL02xXZQM26nNNd2WQtvd7Snf1prvX1H67P9APpeutZ+YDfqJ3eXfmkP67f3jP7J/vRv73303+wDYGgZRx2G46ThPC4ZoeO2kT4+MVqObxtP/40x5vgHMI8yrc4Tp9O8eIbMW2fa/PhsMb85e5u/Pp/+b875H8VBaBARf9KJAAAAAElFTkSuQmCC"
    /// The same bytes under a header of 2147483647 x 2147483647 pixels, its checksum right: more than the format may have in libpng.
    static let hugePNG =
        "iVBORw0KGgoAAAANSUhEUn////9/////CAIAAACbq5wxAAAB9UlEQVR42g3KkaLsQAwA0ODFwcXBxWAxWAwWg8VgMVgMFoPF4OLg4uDi4MP5hNfDBwCgwF+FgvAiqAxvAVRYDMhhDeCErYF02AfohOPpf6WUWl5YKpU3F5SyaCErqxeOsmWRVvZedJRjFgOoT3/VWrG+qSLXRSppXa2y1y2qZN1b1V6PUW3WEwBfBZ/+RkTChZEEV0U23BwlcE/UhkdHG3hOdACqhd6Vnr4QEdMqxEqbkTjtQZp0NLJO5yCfdAHwuzBWXpCfvjKz8KYsxruzBh/J1vjs7IOvyQEgWGSpQigrydM3EVHZTdTlCLGUs4l3uYbElBtAl6JUdUVl0o316buqmh6uFnqmetOrawy9pyaAUbG1GqNtZMK2iz39MDO3M8zTrmbR7R6W0z4Avhbn6hu6kO/sKn6oP/109/ArPZrf3XP4Z3oDCC6x1RCMnUI5DgnTOC2efkVExt0ie3xGtBlfgNxKSs0dUykPTpM8Nd3y8nz6nZktPz3byO/MDtCktL02xXZQM26nNNd2WQtvd7Snf1prvX1H67P9APpeutZ+YDfqJ3eXfmkP67f3jP7J/vRv73303+wDYGgZRx2G46ThPC4ZoeO2kT4+MVqObxtP/40x5vgHMI8yrc4Tp9O8eIbMW2fa/PhsMb85e5u/Pp/+b875H8VBaBARf9KJAAAAAElFTkSuQmCC"
    /// A header of 20000 x 20000 pixels and 64 bytes of them.
    static let largePNG =
        "iVBORw0KGgoAAAANSUhEUgAATiAAAE4gCAIAAABsEtFuAAAADElEQVR42mNgoAwAAABAAAGJya9DAAAAAElFTkSuQmCC"
    /// The same bytes under a header of 16 x 4000 pixels.
    static let shortPNG =
        "iVBORw0KGgoAAAANSUhEUgAAABAAAA+gCAIAAAB8EwuqAAAB9UlEQVR42g3KkaLsQAwA0ODFwcXBxWAxWAwWg8VgMVgMFoPF4OLg4uDi4MP5hNfDBwCgwF+FgvAiqAxvAVRYDMhhDeCErYF02AfohOPpf6WUWl5YKpU3F5SyaCErqxeOsmWRVvZedJRjFgOoT3/VWrG+qSLXRSppXa2y1y2qZN1b1V6PUW3WEwBfBZ/+RkTChZEEV0U23BwlcE/UhkdHG3hOdACqhd6Vnr4QEdMqxEqbkTjtQZp0NLJO5yCfdAHwuzBWXpCfvjKz8KYsxruzBh/J1vjs7IOvyQEgWGSpQigrydM3EVHZTdTlCLGUs4l3uYbElBtAl6JUdUVl0o316buqmh6uFnqmetOrawy9pyaAUbG1GqNtZMK2iz39MDO3M8zTrmbR7R6W0z4Avhbn6hu6kO/sKn6oP/109/ArPZrf3XP4Z3oDCC6x1RCMnUI5DgnTOC2efkVExt0ie3xGtBlfgNxKSs0dUykPTpM8Nd3y8nz6nZktPz3byO/MDtCktL02xXZQM26nNNd2WQtvd7Snf1prvX1H67P9APpeutZ+YDfqJ3eXfmkP67f3jP7J/vRv73303+wDYGgZRx2G46ThPC4ZoeO2kT4+MVqObxtP/40x5vgHMI8yrc4Tp9O8eIbMW2fa/PhsMb85e5u/Pp/+b875H8VBaBARf9KJAAAAAElFTkSuQmCC"
}

extension [String: Any] {
    func text(_ key: String) -> String? { self[key] as? String }
    func integer(_ key: String) -> Int? { (self[key] as? NSNumber)?.intValue }
    func number(_ key: String) -> Double? { (self[key] as? NSNumber)?.doubleValue }
    func flag(_ key: String) -> Bool? { self[key] as? Bool }
}
