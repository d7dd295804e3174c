import MExitData
import MExitIR
import Testing

/// Which images a training held out, from what the model says of it.
@Suite struct HeldOutTests {
    private func data(_ count: Int) throws -> DataSet {
        try DataSet(
            name: "numbers", classNames: ["a", "b"], channels: 1, size: ImageSize(height: 1, width: 2), labels: (0..<count).map { Int32($0 % 2) },
            pixels: (0..<2 * count).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test func theCommandSaysHowMany() {
        func held(_ command: String) -> HeldOut? { HeldOut(Provenance(command: command, seed: 7)) }
        #expect(held("mexit-train --validation 50 --epochs 2") == HeldOut(count: 50, seed: 7))
        #expect(held("mexit-train --validation 5 --validation 6") == HeldOut(count: 6, seed: 7))
        for command in ["", "mexit-train", "mexit-train --validation", "--validation many", "--validation 0", "--validation -3"] {
            #expect(held(command) == nil, "\(command)")
        }
    }

    @Test func trainingImagesAreRecognised() throws {
        let whole = try data(40)
        let parts = try whole.holdingOut(10, seed: 3)
        let validation = try #require(parts.validation)
        let provenance = Provenance(command: "mexit-train --validation 10", seed: 3, dataFingerprint: hexadecimal(parts.train.fingerprint()))
        #expect(provenance.trainingOverlap(with: parts.train) != nil)
        #expect(provenance.trainingOverlap(with: whole)?.contains("30 images") == true)
        #expect(provenance.trainingOverlap(with: validation) == nil)
        #expect(Provenance().trainingOverlap(with: parts.train) == nil)
        #expect(hexadecimal(255) == "00000000000000ff")
    }
}
