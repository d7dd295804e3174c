import Testing

@testable import MExitData

@Suite struct MemoryCheckTests {
    @Test func imagesThatDoNotFitAreRefused() throws {
        let size = ImageSize(height: 1024, width: 1024)
        #expect(try checkMemory("photos", images: 1000, size: size, perImage: 3 << 20, available: 3000 << 20) == 3000 << 20)
        for (images, words) in [(1001, "take 3003 MiB of memory, of which 3000 MiB can be had"), (50_000_000, "take 150000000 MiB"), (1 << 60, "over 8796093022207 MiB")] {
            let error = #expect(throws: DataError.self) {
                try checkMemory("photos", images: images, size: size, perImage: 3 << 20, available: 3000 << 20)
            }
            #expect(error?.code == .badOption && error?.message.contains(words) == true, "\(String(describing: error))")
        }
    }

    /// Asked of the machine itself, before anything is taken: 2^14 x 2^14 pixels of 2^21 images are 1,536 TiB.
    @Test func enlargingIsChecked() throws {
        let count = 1 << 21
        let set = try DataSet(
            name: "dots", classNames: ["a"], channels: 3, size: ImageSize(height: 1, width: 1), labels: [Int32](repeating: 0, count: count),
            pixels: [UInt8](repeating: 0, count: 3 * count))
        #expect(throws: DataError.self) { try set.fitted(to: ImageSize(height: 16384, width: 16384), threads: 1) }
    }
}
